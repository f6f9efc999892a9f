import { sign, type KeyObject } from 'node:crypto';

/** First part of every proof (RFC 9449 section 4.2) by a P-256 key: type, algorithm and public key. */
export function encodeDpopHeader(publicKey: KeyObject): string {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  return encodeJson({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
}

/** A proof JWT with these claims. */
export function signDpopProof(encodedHeader: string, claims: object, key: KeyObject): string {
  const input = `${encodedHeader}.${encodeJson(claims)}`;
  // JWS wants the two numbers side by side, not DER (RFC 7518 section 3.4).
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function encodeJson(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
