import { Argument } from 'commander';
import { UsageError } from '../common/errors.ts';

const KIND_NAMES = [
  'Tenant',
  'TrustProvider',
  'ClientWorkload',
  'ServerWorkload',
  'CredentialProvider',
  'AccessCondition',
  'AccessPolicy',
] as const;

/** The kind that a person means by `accesspolicies`, `access-policy` or `AccessPolicy`. `others`: what may be said as well. */
export function readKind(text: string, others: readonly string[] = []): (typeof KIND_NAMES)[number] {
  const wanted = text.toLowerCase().replaceAll('-', '');
  const found = KIND_NAMES.find((kind) => [kind.toLowerCase(), plural(kind.toLowerCase())].includes(wanted));
  if (found === undefined)
    throw new UsageError('unknown-kind', `unknown kind "${text}": use one of ${[...KIND_NAMES, ...others].join(', ')}`);
  return found;
}

/** `<kind>`: takes each spelling that `readKind` knows, or one of `others`; help and completion show the names alone. */
export function kindArgument(others: readonly string[] = []): Argument {
  return new Argument('<kind>', 'kind of resource')
    .choices([...KIND_NAMES, ...others])
    .argParser((text) => (others.includes(text) ? text : readKind(text, others)));
}

function plural(kind: string): string {
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}
