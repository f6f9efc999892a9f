import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { expect, it } from 'vitest';
import { proxyKeyThumbprint } from '../../../../control-plane/attestation/proxy-key.ts';

const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

it('a P-256 key is known by its thumbprint of RFC 7638', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const thumbprint = await calculateJwkThumbprint(publicKey.export({ format: 'jwk' }) as JWK);
  expect(proxyKeyThumbprint(spki(publicKey))).toBe(thumbprint);
});

it.each([
  ['on another curve', spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
  ['on a curve of the same size', spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
  ['of Ed25519', spki(generateKeyPairSync('ed25519').publicKey)],
  ['of RSA', spki(generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey)],
  ['of nothing', Buffer.alloc(0)],
  ['of zeros', Buffer.alloc(91)],
  ['that is long', Buffer.alloc(257)],
])('a key %s is none of a proxy', (_, key) => {
  expect(() => proxyKeyThumbprint(key)).toThrow(expect.objectContaining({ reason: 'session-invalid' }));
});
