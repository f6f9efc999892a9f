import type { FrameReader } from '../../protocols/http2/frame-reader.ts';
import { Flag, FrameType } from '../../protocols/http2/frames.ts';
import { Http2Error } from '../../protocols/http2/http2-error.ts';
import type { Http2Limits } from './limits.ts';

const NOTHING = Buffer.alloc(0);

/** A header block that comes in several frames (RFC 9113 4.3), of which nothing else may come in between. */
export class HeaderBlock {
  stream = 0;
  endStream = false;
  readonly #limits: Http2Limits;
  #open = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  /** Judges a frame by its header: whether it may come now, and whether the block stays within its limits. */
  admit(frame: FrameReader): void {
    if (this.#open !== (frame.type === FrameType.CONTINUATION) || (this.#open && frame.stream !== this.stream)) {
      throw new Http2Error('PROTOCOL_ERROR', 'CONTINUATION out of its place, or none in it (RFC 9113 6.10)');
    }
    if (frame.type !== FrameType.HEADERS && !this.#open) return;
    if (this.#bytes + frame.length > this.#limits.maxHeaderBlockBytes) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'a header block over the limit');
    }
    if (!this.#open) return;
    if (this.#parts.length > this.#limits.maxContinuations) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'a header block in too many frames');
    }
    if (frame.length === 0 && (frame.flags & Flag.END_HEADERS) === 0) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'an empty CONTINUATION that ends nothing');
    }
  }

  begin(stream: number, endStream: boolean): void {
    this.stream = stream;
    this.endStream = endStream;
    this.#open = true;
  }

  /** Keeps a copy of a fragment. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
    this.#bytes += end - start;
  }

  /** The whole block; after it another may begin. */
  take(): Buffer {
    const block = this.#parts.length === 0 ? NOTHING : Buffer.concat(this.#parts, this.#bytes);
    this.#open = false;
    this.#parts = [];
    this.#bytes = 0;
    return block;
  }
}
