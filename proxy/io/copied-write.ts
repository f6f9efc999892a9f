import type { Duplex } from 'node:stream';
import { AT_ONCE_BYTES } from './turn.ts';

/** Bytes, or latin1 text. */
export type Piece = Buffer | string;

/** A TLS record with the head of an answer in front (RFC 8446 section 5.1). */
const SLAB_BYTES = 20_480;
/** Four megabytes lie ready at most. */
const MAX_SPARE = 200;

/** Whose bytes have been written. */
const spare: Buffer[] = [];

/**
 * Writes a copy of these pieces. Large copies are made in the same memory again and again: to collect what was made for each cost
 * more than half of a large answer.
 */
export function writeCopy(socket: Duplex, pieces: readonly Piece[], bytes: number): boolean {
  if (bytes < AT_ONCE_BYTES) return socket.write(copyOf(pieces, bytes));
  socket.cork();
  let slab = takeSlab();
  let used = 0;
  for (const piece of pieces) {
    const whole = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
    for (let at = 0; at < whole.length; ) {
      if (used === SLAB_BYTES) {
        writeSlab(socket, slab, used);
        slab = takeSlab();
        used = 0;
      }
      const copied = whole.copy(slab, used, at);
      used += copied;
      at += copied;
    }
  }
  writeSlab(socket, slab, used);
  socket.uncork();
  return !socket.writableNeedDrain;
}

function takeSlab(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

function writeSlab(socket: Duplex, slab: Buffer, bytes: number): void {
  socket.write(slab.subarray(0, bytes), (error) => {
    // Of what failed nobody can say who still reads it.
    if (!error && spare.length < MAX_SPARE) spare.push(slab);
  });
}

export function copyOf(pieces: readonly Piece[], bytes: number): Buffer {
  const copy = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') at += copy.write(piece, at, 'latin1');
    else at += piece.copy(copy, at);
  }
  return copy;
}
