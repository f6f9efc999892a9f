import { createHash } from 'node:crypto';

/**
 * The hash chain of one proxy process's decision records: `hash = SHA-256(previous || record)`, and the first `previous`
 * is SHA-256 of the instance id. Proxy and control plane compute it alike, so that a changed, dropped or reordered record shows.
 */
export function genesisHash(instanceId: string): Buffer {
  return createHash('sha256').update(instanceId, 'ascii').digest();
}

/** Hash of the record that follows the one hashed as `previous` (32 bytes). */
export function nextHash(previous: Uint8Array, record: Uint8Array): Buffer {
  return createHash('sha256').update(previous).update(record).digest();
}
