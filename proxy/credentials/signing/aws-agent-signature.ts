import type { HeaderList } from '../../protocols/header-list.ts';
import { decodedName } from '../parameter-name.ts';
import { InjectionError } from '../injection-error.ts';

/** What the agent's SDK signed with its dummy key: not proof of anything, but where it believes the call goes. */
export interface AgentAwsSignature {
  /** One region, or the region set of SigV4a. */
  readonly regions: readonly string[];
  readonly service: string;
  /** Lower case. */
  readonly signedHeaders: ReadonlySet<string>;
}

/** Parameters of presigned URLs: Signature Version 4, and 2 as S3 still documents it. */
const PRESIGNED = new Set([
  'x-amz-signature',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-signedheaders',
  'awsaccesskeyid',
]);

const AUTHORIZATION =
  /^(AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256)\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=[0-9a-fA-F]+$/;

/**
 * Reads the agent's signature as it arrived. Undefined when there is none.
 *
 * @param authorization - Every Authorization field, before they were removed.
 * @param query - As it arrived, before credentials were removed from it.
 * @param headers - For the region set.
 * @throws InjectionError for a presigned URL, which the proxy could not re-sign without making one itself, and for a
 *   signature that cannot be read.
 */
export function readAgentSignature(
  authorization: readonly string[],
  query: string | undefined,
  headers: HeaderList,
): AgentAwsSignature | undefined {
  refusePresigned(query);
  const values = authorization.filter((value) => /^AWS4-/i.test(value));
  const [value] = values;
  if (value === undefined) return undefined;
  const match = values.length === 1 ? AUTHORIZATION.exec(value) : null;
  if (match === null) throw unreadable('its Authorization header is malformed');
  const [, algorithm = '', credential = '', names = ''] = match;
  const signedHeaders = new Set(names.toLowerCase().split(';'));
  const parts = credential.split('/');
  if (parts.pop() !== 'aws4_request') throw unreadable('its credential scope is malformed');
  const service = parts.pop() ?? '';
  if (algorithm === 'AWS4-HMAC-SHA256') {
    const region = parts.pop() ?? '';
    if (parts.length < 2 || region === '' || service === '') throw unreadable('its credential scope is malformed');
    return { regions: [region], service, signedHeaders };
  }
  const regions = (headers.get('x-amz-region-set') ?? '').split(',').map((region) => region.trim());
  if (parts.length < 2 || service === '' || regions.includes('')) throw unreadable('its region set is malformed');
  return { regions, service, signedHeaders };
}

function refusePresigned(query: string | undefined): void {
  if (query === undefined) return;
  for (const piece of query.split(/[&;]/)) {
    const name = decodedName(piece).trim().toLowerCase();
    if (PRESIGNED.has(name))
      throw new InjectionError('signature-refused', 'presigned URLs are refused: sign in headers');
  }
}

function unreadable(what: string): InjectionError {
  return new InjectionError('signature-refused', `the request's own signature is refused: ${what}`);
}
