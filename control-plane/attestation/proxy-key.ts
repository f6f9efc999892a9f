import { createHash, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AttestationError } from './trust-provider.ts';

const MAX_SPKI_BYTES = 256;

/** Thumbprint of SubjectPublicKeyInfo in DER; anything but a P-256 point is refused as `session-invalid`. */
export function proxyKeyThumbprint(spki: Uint8Array): string {
  if (spki.length === 0 || spki.length > MAX_SPKI_BYTES) throw refused();
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw refused(cause);
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw refused();
  return thumbprintOf(key);
}

/** RFC 7638 section 3: SHA-256 over the required members in lexical order. */
export function thumbprintOf(key: KeyObject): string {
  const { crv, kty, x, y } = key.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function refused(cause?: unknown): AttestationError {
  return new AttestationError('session-invalid', "the proxy's key is not a P-256 public key", { cause });
}
