import type { Duplex } from 'node:stream';

const JOIN_BELOW_BYTES = 16_384;

/**
 * Gathers what one turn of the event loop wants to send and writes it once: most of a small call's cost is the native
 * write, so head and body go together.
 */
export class Output {
  readonly #socket: Duplex;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  /** The socket holds more than its high-water mark. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Sends what was gathered; false when the socket holds more than its high-water mark. */
  flush(): boolean {
    const chunks = this.#chunks;
    if (chunks.length === 0) return !this.#socket.writableNeedDrain;
    const bytes = this.#bytes;
    this.#chunks = [];
    this.#bytes = 0;
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    const [first] = chunks;
    if (chunks.length === 1 && first !== undefined) return this.#socket.write(first);
    if (bytes < JOIN_BELOW_BYTES) return this.#socket.write(Buffer.concat(chunks, bytes));
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }
}
