import { UsageError } from '../common/errors.ts';

export const KIND_NAMES = [
  'Tenant',
  'TrustProvider',
  'ClientWorkload',
  'ServerWorkload',
  'CredentialProvider',
  'AccessCondition',
  'AccessPolicy',
] as const;

/** The kind that a person means by `accesspolicies`, `access-policy` or `AccessPolicy`. */
export function readKind(text: string): (typeof KIND_NAMES)[number] {
  const wanted = text.toLowerCase().replaceAll('-', '');
  const found = KIND_NAMES.find((kind) => [kind.toLowerCase(), plural(kind.toLowerCase())].includes(wanted));
  if (found === undefined)
    throw new UsageError('unknown-kind', `unknown kind "${text}": use one of ${KIND_NAMES.join(', ')}`);
  return found;
}

function plural(kind: string): string {
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}
