import { foldHeaderName } from '../../common/match/header-name.ts';
import type { RequestFacts } from './facts.ts';

export type HeaderFields = NonNullable<RequestFacts['headers']>;

/** Whether a server may take another field than the one of this lower-case name, or one of several: the choice is its own. */
export function isAmbiguousHeader(fields: HeaderFields, name: string): boolean {
  const alike = fields.filter((field) => foldHeaderName(field.name) === foldHeaderName(name));
  return alike.length > 1 || alike.some((field) => field.name.toLowerCase() !== name);
}

/** Whether that is so of any field. */
export function hasAmbiguousHeader(fields: HeaderFields): boolean {
  const seen = new Set<string>();
  return fields.some(({ name }) => {
    const folded = foldHeaderName(name);
    return name.toLowerCase() !== folded || seen.size === seen.add(folded).size;
  });
}
