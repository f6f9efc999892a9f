import { generateKeyPairSync } from 'node:crypto';

/** A fresh P-256 key pair as JWKs: { privateJwk, publicJwk }. Node 20 can stand still where a new key's own object is exported. */
export function makeKeyPair() {
  const encoding = { format: 'jwk' };
  const options = { namedCurve: 'P-256', privateKeyEncoding: encoding, publicKeyEncoding: encoding };
  const { privateKey, publicKey } = generateKeyPairSync('ec', options);
  return { privateJwk: privateKey, publicJwk: publicKey };
}
