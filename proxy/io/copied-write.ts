import type { Duplex } from 'node:stream';
import { giveSlab, SLAB_BYTES, takeSlab } from '../../common/slabs.ts';
import { AT_ONCE_BYTES } from './turn.ts';

/** Bytes, or latin1 text. */
export type Piece = Buffer | string;

/** Writes a copy of these pieces, a large one by way of slabs. */
export function writeCopy(socket: Duplex, pieces: readonly Piece[], bytes: number): boolean {
  if (bytes < AT_ONCE_BYTES) return socket.write(copyOf(pieces, bytes));
  socket.cork();
  let slab = takeSlab();
  let used = 0;
  for (const piece of pieces) {
    const whole = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
    for (let at = 0; at < whole.length; ) {
      if (used === SLAB_BYTES) {
        writeSlab(socket, slab);
        slab = takeSlab();
        used = 0;
      }
      const copied = whole.copy(slab, used, at);
      used += copied;
      at += copied;
    }
  }
  writeSlab(socket, slab.subarray(0, used));
  socket.uncork();
  return !socket.writableNeedDrain;
}

/** Writes bytes of a slab, which is given back once they are written. */
export function writeSlab(socket: Duplex, bytes: Buffer): void {
  socket.write(bytes, (error) => {
    // Of what failed nobody can say who still reads it.
    if (!error) giveSlab(bytes);
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
