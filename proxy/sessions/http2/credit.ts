import { FrameType, INITIAL_WINDOW_BYTES, MAX_31_BITS } from '../../protocols/http2/frames.ts';
import { Http2Error, Http2StreamError } from '../../protocols/http2/http2-error.ts';
import type { FrameBuffer } from './frame-buffer.ts';
import type { Http2Limits } from './limits.ts';
import type { Stream } from './stream.ts';

/** The windows that we give the peer (RFC 9113 5.2, 6.9). Credit is given back when half a window has gathered. */
export class Credit {
  readonly #frames: FrameBuffer;
  readonly #streamBytes: number;
  readonly #connectionBytes: number;
  #window = INITIAL_WINDOW_BYTES;
  #uncredited = 0;
  /** The window that a new stream has: until the peer has confirmed a smaller one, the one it started with. */
  initialWindow: number;

  constructor(limits: Http2Limits, frames: FrameBuffer) {
    this.#frames = frames;
    this.#streamBytes = Math.min(MAX_31_BITS, limits.streamWindowBytes);
    this.#connectionBytes = Math.min(MAX_31_BITS, Math.max(INITIAL_WINDOW_BYTES, limits.connectionWindowBytes));
    this.initialWindow = Math.max(INITIAL_WINDOW_BYTES, this.#streamBytes);
  }

  /** Widens the connection's window to its full size; part of what is said first. */
  open(): void {
    const increment = this.#connectionBytes - this.#window;
    if (increment === 0) return;
    this.#frames.numbers(FrameType.WINDOW_UPDATE, 0, increment);
    this.#window += increment;
  }

  /** The peer has confirmed our settings (RFC 9113 6.9.2). */
  confirmed(streams: Iterable<Stream>): void {
    const change = this.#streamBytes - this.initialWindow;
    this.initialWindow = this.#streamBytes;
    if (change !== 0) for (const stream of streams) stream.receiveWindow += change;
  }

  /** Takes a DATA frame, padding included, out of the connection's window. */
  receive(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0)
      throw new Http2Error('FLOW_CONTROL_ERROR', 'DATA beyond the connection window (RFC 9113 6.9)');
  }

  /** Takes a DATA frame, padding included, out of the stream's window. */
  receiveOn(stream: Stream, bytes: number): void {
    stream.receiveWindow -= bytes;
    if (stream.receiveWindow < 0) {
      throw new Http2StreamError('FLOW_CONTROL_ERROR', 'DATA beyond the stream window (RFC 9113 6.9)');
    }
  }

  /** Gives octets back to the connection. */
  giveBack(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited === 0 || this.#uncredited * 2 < this.#connectionBytes) return;
    this.#frames.numbers(FrameType.WINDOW_UPDATE, 0, this.#uncredited);
    this.#window += this.#uncredited;
    this.#uncredited = 0;
  }

  /** Gives octets back to a stream, if more can come on it. */
  giveBackOn(stream: Stream, bytes: number): void {
    if (stream.receiving === 'done') return;
    stream.uncreditedBytes += bytes;
    if (stream.uncreditedBytes === 0 || stream.uncreditedBytes * 2 < this.#streamBytes) return;
    this.#frames.numbers(FrameType.WINDOW_UPDATE, stream.id, stream.uncreditedBytes);
    stream.receiveWindow += stream.uncreditedBytes;
    stream.uncreditedBytes = 0;
  }
}
