const FIRST_ROOM_BYTES = 1_024;
const LAST_ROOM_BYTES = 65_536;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Copies of bytes that arrive in pieces of any size, kept together in few buffers: a buffer for each of a million pieces of
 * one byte would cost a hundred times their size.
 */
export class ByteGatherer {
  #buffers: Buffer[] = [];
  /** Where copies go; behind those in `#buffers` come the ones in `[#from, #at)`. */
  #chunk = NOTHING;
  #from = 0;
  #at = 0;
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Buffers in which they are. */
  get count(): number {
    return this.#buffers.length + (this.#at > this.#from ? 1 : 0);
  }

  add(bytes: Buffer): void {
    this.#length += bytes.length;
    for (let read = 0; read < bytes.length; ) {
      if (this.#at === this.#chunk.length) this.#makeRoom(bytes.length - read);
      const copied = bytes.copy(this.#chunk, this.#at, read);
      this.#at += copied;
      read += copied;
    }
  }

  /** The first buffer of it, which is held no more. */
  shift(): Buffer | undefined {
    if (this.#buffers.length === 0) this.#seal();
    const first = this.#buffers.shift();
    this.#length -= first?.length ?? 0;
    if (this.#length === 0) this.#startWith(NOTHING);
    return first;
  }

  /** All of it, which is held no more. */
  takeAll(): Buffer[] {
    this.#seal();
    const all = this.#buffers;
    this.#buffers = [];
    this.#length = 0;
    this.#startWith(NOTHING);
    return all;
  }

  #makeRoom(wanted: number): void {
    this.#seal();
    const room = Math.max(FIRST_ROOM_BYTES, Math.min(LAST_ROOM_BYTES, 2 * this.#chunk.length), wanted);
    this.#startWith(Buffer.allocUnsafeSlow(room));
  }

  #seal(): void {
    if (this.#at > this.#from) this.#buffers.push(this.#chunk.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #startWith(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#from = 0;
    this.#at = 0;
  }
}
