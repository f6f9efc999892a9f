import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/**
 * A fresh P-256 private key, with nothing left of the job that made it. On Node 20 such a job locks its key when the collector
 * ends it, as exporting the key as a JWK does while it allocates: where one falls into the other, the process stands for ever.
 */
export function createSigningKey(): KeyObject {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const key = createPrivateKey({ key: privateKey, type: 'pkcs8', format: 'der' });
  privateKey.fill(0);
  return key;
}
