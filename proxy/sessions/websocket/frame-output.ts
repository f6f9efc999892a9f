import { type FrameHeader, headerLength, maskBytes, writeHeader } from '../../protocols/websocket/frame.ts';

const FIRST_SLAB_BYTES = 512;
const LAST_SLAB_BYTES = 16_384;

/** A fresh masking key: 32 bits from a strong source of randomness (RFC 6455 section 5.3). */
export type MaskingKeys = () => number;

/** Frames for one side, small ones together in one buffer, so that they cost one write. */
export class FrameOutput {
  readonly #keys: MaskingKeys | undefined;
  #done: Buffer[] = [];
  #slab: Buffer | undefined;
  #used = 0;
  #pendingBytes = 0;

  /** With keys the frames are masked, as those to an upstream have to be. */
  constructor(keys: MaskingKeys | undefined) {
    this.#keys = keys;
  }

  /** Bytes that were not taken yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  write(header: FrameHeader, payload: Buffer): void {
    const key = this.#keys?.();
    const size = headerLength(payload.length, key !== undefined) + payload.length;
    const slab = this.#roomFor(size);
    const start = writeHeader(slab, this.#used, header, payload.length, key);
    payload.copy(slab, start);
    if (key !== undefined) maskBytes(slab, start, start + payload.length, key, 0);
    this.#used = start + payload.length;
    this.#pendingBytes += size;
  }

  /** Everything that was written since the last time. */
  take(): Buffer[] {
    this.#finishSlab();
    const done = this.#done;
    this.#done = [];
    this.#slab = undefined;
    this.#pendingBytes = 0;
    return done;
  }

  #roomFor(size: number): Buffer {
    const before = this.#slab;
    if (before !== undefined && this.#used + size <= before.length) return before;
    this.#finishSlab();
    // A lone frame gets a buffer of its size; more of them, ever larger ones to share.
    const room = before === undefined ? size : Math.min(LAST_SLAB_BYTES, Math.max(FIRST_SLAB_BYTES, 2 * before.length));
    this.#slab = Buffer.allocUnsafe(Math.max(size, room));
    return this.#slab;
  }

  #finishSlab(): void {
    if (this.#slab !== undefined && this.#used > 0) this.#done.push(this.#slab.subarray(0, this.#used));
    this.#used = 0;
  }
}
