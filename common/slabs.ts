/** A TLS record (RFC 8446 section 5.1) or an HTTP/2 frame of the usual length, with a head in front. */
export const SLAB_BYTES = 20_480;
/** Four megabytes lie ready at most. */
const MAX_SPARE = 200;

const spare: Buffer[] = [];
const known = new WeakSet<ArrayBufferLike>();

/**
 * Memory for bytes on their way out, to be given back with `giveSlab`. To collect fresh memory for each cost more than half of what
 * a large answer costs.
 */
export function takeSlab(): Buffer {
  const ready = spare.pop();
  if (ready !== undefined) return ready;
  const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  known.add(slab.buffer);
  return slab;
}

/** Whether these bytes lie in a slab. */
export function isSlab(bytes: Buffer): boolean {
  return known.has(bytes.buffer);
}

/** Nobody reads or writes these bytes any more, nor others of their slab. */
export function giveSlab(bytes: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(Buffer.from(bytes.buffer));
}
