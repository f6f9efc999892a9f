import { ZstdError } from './zstd-error.ts';

const FIRST_BYTES = 65_536;

/**
 * What a frame has made last, as far back as matches may reach. It moves to the front of its buffer once it has filled that, not for
 * every block, so that a block costs what it makes.
 */
export class Window {
  readonly #reach: number;
  readonly #maxBytes: number;
  #bytes: Buffer;
  #end = 0;

  /** `reach`: the frame's window; `blockBytes`: what may come at once. */
  constructor(reach: number, blockBytes: number) {
    this.#reach = reach;
    this.#maxBytes = reach + blockBytes + Math.max(blockBytes, reach >> 2);
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, FIRST_BYTES));
  }

  /** Where what comes now begins; good until the next `reserve`. */
  get end(): number {
    return this.#end;
  }

  /** Makes room for so many bytes: at most those of one block. */
  reserve(byteCount: number): void {
    if (this.#end + byteCount <= this.#bytes.length) return;
    const kept = Math.min(this.#end, this.#reach);
    const needed = Math.min(this.#maxBytes, Math.max(kept + byteCount, this.#bytes.length * 2));
    const into = needed > this.#bytes.length ? Buffer.allocUnsafeSlow(needed) : this.#bytes;
    this.#bytes.copy(into, 0, this.#end - kept, this.#end);
    this.#bytes = into;
    this.#end = kept;
  }

  /** A copy of what has come since `start`. */
  since(start: number): Buffer {
    return Buffer.from(this.#bytes.subarray(start, this.#end));
  }

  add(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  fill(value: number, count: number): void {
    this.#bytes.fill(value, this.#end, this.#end + count);
    this.#end += count;
  }

  /** What was `offset` bytes ago, again; it may overlap with itself. @throws ZstdError */
  repeat(offset: number, count: number): void {
    if (offset < 1 || offset > this.#end || offset > this.#reach) throw new ZstdError('a match too far back');
    const bytes = this.#bytes;
    const to = this.#end + count;
    if (offset >= count) bytes.copyWithin(this.#end, this.#end - offset, this.#end - offset + count);
    else for (let at = this.#end; at < to; at += 1) bytes[at] = bytes[at - offset] as number;
    this.#end = to;
  }
}
