import { createHash, hash } from 'node:crypto';

/**
 * The hash chain of one proxy process's decision records: `hash = SHA-256(previous || record)`, and the first `previous`
 * is SHA-256 of the instance id. Proxy and control plane compute it alike, so that a changed, dropped or reordered record shows.
 */
export function genesisHash(instanceId: string): Buffer {
  return createHash('sha256').update(instanceId, 'ascii').digest();
}

const HASH_BYTES = 32;
let scratch: Buffer = Buffer.allocUnsafeSlow(4_096);

/** Hash of the record that follows the one hashed as `previous` (32 bytes). */
export function nextHash(previous: Uint8Array, record: Uint8Array): Buffer {
  const length = previous.length + record.length;
  if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(length * 2);
  scratch.set(previous);
  scratch.set(record, previous.length);
  // In one shot and through Buffer's pool, which together cost a quarter of a Hash object and a concatenation.
  const digest = hash('sha256', scratch.subarray(0, length), 'binary');
  const bytes = Buffer.allocUnsafe(HASH_BYTES);
  bytes.write(digest, 'latin1');
  return bytes;
}
