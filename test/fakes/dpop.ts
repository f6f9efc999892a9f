import { createHash, createPublicKey, verify } from 'node:crypto';
import type { Reason } from '../../proto/reasons.ts';

/** What is wrong with a DPoP proof (RFC 9449 section 4.3), or undefined; `seen` remembers the ids of earlier ones. */
export function checkProof(
  proof: string,
  proxyKeyDer: Buffer,
  path: string,
  proven: string | Uint8Array,
  seen: Set<string>,
): Reason | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(proof)) return 'session-invalid';
  const [header = '', payload = '', signature = ''] = proof.split('.');
  const head = readJson(header);
  const claims = readJson(payload);
  const key = createPublicKey({ key: proxyKeyDer, format: 'der', type: 'spki' });
  const input = Buffer.from(`${header}.${payload}`);
  const holds = verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  const own = createPublicKey({ key: Object(head['jwk']), format: 'jwk' }).equals(key);
  const hash = createHash('sha256').update(proven).digest('base64url');
  const age = Math.abs(Date.now() / 1_000 - Number(claims['iat']));
  const fits = claims['htm'] === 'POST' && claims['htu'] === path && claims['ath'] === hash && age < 60;
  if (head['typ'] !== 'dpop+jwt' || head['alg'] !== 'ES256' || !holds || !own || !fits) return 'session-invalid';
  const id = String(claims['jti']);
  if (seen.has(id)) return 'proof-replayed';
  seen.add(id);
  return undefined;
}

function readJson(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}
