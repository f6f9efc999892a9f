import type { Duplex } from 'node:stream';
import { AT_ONCE_BYTES } from './turn.ts';

/** Bytes, or latin1 text. */
export type Piece = Buffer | string;

/** Buffers come in multiples of this. */
const STEP_BYTES = 16_384;
/** A whole read of an upstream with the head of its answer in front. */
const MAX_STEPS = 5;
/** So many of each size lie ready at most. */
const MAX_SPARE = 4;

/** By size in steps: buffers whose bytes have been written. */
const spare: Buffer[][] = Array.from({ length: MAX_STEPS + 1 }, () => []);

/**
 * Writes a copy of these pieces at once. Large copies are made in the same few buffers again and again: of a large answer the
 * collection of fresh ones cost a fifth.
 */
export function writeCopy(socket: Duplex, pieces: readonly Piece[], bytes: number): boolean {
  const steps = Math.ceil(bytes / STEP_BYTES);
  const kept = bytes < AT_ONCE_BYTES ? undefined : spare[steps];
  if (kept === undefined) return socket.write(copyOf(pieces, bytes));
  const buffer = kept.pop() ?? Buffer.allocUnsafeSlow(steps * STEP_BYTES);
  fill(buffer, pieces);
  return socket.write(buffer.subarray(0, bytes), (error) => {
    // Of what failed nobody can say who still reads it.
    if (!error && kept.length < MAX_SPARE) kept.push(buffer);
  });
}

export function copyOf(pieces: readonly Piece[], bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  fill(buffer, pieces);
  return buffer;
}

function fill(buffer: Buffer, pieces: readonly Piece[]): void {
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') at += buffer.write(piece, at, 'latin1');
    else at += piece.copy(buffer, at);
  }
}
