import type { Duplex } from 'node:stream';
import { giveSlab, isSlab, keepCopy, LARGE_BYTES, SLAB_BYTES } from '../../common/slabs.ts';
import { copyOf, type Piece, writeCopy, writeSlab } from './copied-write.ts';
import { breakOff } from './linger.ts';
import { AT_ONCE_BYTES, TurnWork } from './turn.ts';

/**
 * Gathers what one turn of the event loop wants to send and writes it once: most of a small call's cost is the native
 * write, so head and body go together.
 */
export class Output {
  readonly #socket: Duplex;
  readonly #flushLater = new TurnWork('write', () => this.flushNow());
  /** Made anew each turn: an array that is old keeps what it held alive, even dropped, until the next full collection. */
  #chunks: Piece[] | undefined;
  #bytes = 0;
  #hasLent = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  add(bytes: Buffer): void {
    if (bytes.length > 0) this.#push(bytes);
  }

  /** Adds latin1 text, which becomes bytes only in what is written. */
  addText(text: string): void {
    this.#push(text);
  }

  /** Adds bytes that may be overwritten after the next flush, which copies them. */
  addLent(bytes: Buffer): void {
    this.#hasLent = true;
    this.add(bytes);
  }

  /** Adds a copy of bytes. */
  addCopy(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += SLAB_BYTES) this.#push(keepCopy(bytes.subarray(at, at + SLAB_BYTES)));
  }

  /** The socket holds more than its high-water mark. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /**
   * Sends what was gathered: much of it now, little at the turn's end. False when the socket holds more than its
   * high-water mark.
   */
  flush(): boolean {
    if (this.#bytes >= AT_ONCE_BYTES) return this.flushNow();
    if (this.#hasLent && this.#chunks !== undefined) {
      this.#chunks = [copyOf(this.#chunks, this.#bytes)];
      this.#hasLent = false;
    }
    if (this.#bytes > 0) this.#flushLater.ask();
    return !this.#socket.writableNeedDrain;
  }

  /** The same without waiting: before whatever else ends or takes over the socket. */
  flushNow(): boolean {
    const chunks = this.#chunks;
    if (chunks === undefined) return !this.#socket.writableNeedDrain;
    const bytes = this.#bytes;
    const hasLent = this.#hasLent;
    const mustJoin = hasLent || (chunks.length > 1 && bytes < AT_ONCE_BYTES);
    this.#chunks = undefined;
    this.#bytes = 0;
    this.#hasLent = false;
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    const [first] = chunks;
    if (chunks.length === 1 && first !== undefined && !mustJoin) return this.#write(first);
    if (mustJoin) {
      const takesMore = writeCopy(this.#socket, chunks, bytes);
      if (!hasLent) for (const chunk of chunks) giveBack(chunk);
      return takesMore;
    }
    this.#socket.cork();
    for (const chunk of chunks) this.#write(chunk);
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  /** Resets the connection, where Node can: not over a unix socket. */
  reset(): void {
    breakOff(this.#socket);
  }

  #push(chunk: Piece): void {
    if (this.#chunks === undefined) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  #write(chunk: Piece): boolean {
    if (typeof chunk === 'string') return this.#socket.write(chunk, 'latin1');
    if (!isSlab(chunk)) return this.#socket.write(chunk);
    writeSlab(this.#socket, chunk);
    return !this.#socket.writableNeedDrain;
  }
}

/** A copy of ours that was copied. */
function giveBack(chunk: Piece): void {
  if (typeof chunk !== 'string' && chunk.length >= LARGE_BYTES) giveSlab(chunk);
}
