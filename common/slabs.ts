/** A TLS record (RFC 8446 section 5.1) or an HTTP/2 frame of the usual length, with a head in front. */
export const SLAB_BYTES = 20_480;
/** What is shorter gets memory of its own. */
export const LARGE_BYTES = 4_096;
/** Four megabytes lie ready at most. */
const MAX_SPARE = 200;

const spare: Buffer[] = [];
/** Taken, and not given back. */
const taken = new WeakSet<ArrayBufferLike>();

/**
 * Memory for bytes on their way out, to be given back with `giveSlab`. To collect fresh memory for each cost more than half of what
 * a large answer costs.
 */
export function takeSlab(): Buffer {
  const slab = spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  taken.add(slab.buffer);
  return slab;
}

/** Whether these bytes lie in a slab that was taken. */
export function isSlab(bytes: Buffer): boolean {
  return taken.has(bytes.buffer);
}

/** Nobody reads or writes these bytes any more, nor others of their slab. Bytes that lie in none may be given as well. */
export function giveSlab(bytes: Buffer): void {
  if (taken.delete(bytes.buffer) && spare.length < MAX_SPARE) spare.push(Buffer.from(bytes.buffer));
}

/** A copy to keep for a while, in a slab when it is large; to be given back with `giveSlab`. */
export function keepCopy(bytes: Buffer): Buffer {
  if (bytes.length < LARGE_BYTES || bytes.length > SLAB_BYTES) return Buffer.from(bytes);
  const slab = takeSlab();
  return slab.subarray(0, bytes.copy(slab));
}
