import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4_096;

/** Masking keys of WebSocket frames (RFC 6455 section 5.3), from the system's source; filled for many frames at a time. */
export function createMaskingKeys(): () => number {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let at = POOL_BYTES;
  return () => {
    if (at === POOL_BYTES) {
      randomFillSync(pool);
      at = 0;
    }
    at += 4;
    return pool.readUInt32BE(at - 4);
  };
}
