import type { Duplex } from 'node:stream';
import { copyOf, type Piece, writeCopy } from './copied-write.ts';
import { breakOff } from './linger.ts';
import { AT_ONCE_BYTES, TurnWork } from './turn.ts';

/**
 * Gathers what one turn of the event loop wants to send and writes it once: most of a small call's cost is the native
 * write, so head and body go together.
 */
export class Output {
  readonly #socket: Duplex;
  readonly #flushLater = new TurnWork('write', () => this.flushNow());
  /** Text is latin1. */
  #chunks: Piece[] = [];
  #bytes = 0;
  #hasLent = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Adds latin1 text, which becomes bytes only in what is written. */
  addText(text: string): void {
    this.#chunks.push(text);
    this.#bytes += text.length;
  }

  /** Adds bytes that may be overwritten after the next flush, which copies them. */
  addLent(bytes: Buffer): void {
    this.#hasLent = true;
    this.add(bytes);
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
    if (this.#hasLent) {
      this.#chunks = [copyOf(this.#chunks, this.#bytes)];
      this.#hasLent = false;
    }
    if (this.#bytes > 0) this.#flushLater.ask();
    return !this.#socket.writableNeedDrain;
  }

  /** The same without waiting: before whatever else ends or takes over the socket. */
  flushNow(): boolean {
    const chunks = this.#chunks;
    if (chunks.length === 0) return !this.#socket.writableNeedDrain;
    const bytes = this.#bytes;
    const mustJoin = this.#hasLent || (chunks.length > 1 && bytes < AT_ONCE_BYTES);
    this.#chunks = [];
    this.#bytes = 0;
    this.#hasLent = false;
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    const [first] = chunks;
    if (chunks.length === 1 && first !== undefined && !mustJoin) return this.#write(first);
    if (mustJoin) return writeCopy(this.#socket, chunks, bytes);
    this.#socket.cork();
    for (const chunk of chunks) this.#write(chunk);
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  /** Resets the connection, where Node can: not over a unix socket. */
  reset(): void {
    breakOff(this.#socket);
  }

  #write(chunk: Piece): boolean {
    return typeof chunk === 'string' ? this.#socket.write(chunk, 'latin1') : this.#socket.write(chunk);
  }
}
