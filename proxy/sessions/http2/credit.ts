import { FrameType, INITIAL_WINDOW_BYTES, MAX_31_BITS } from '../../protocols/http2/frames.ts';
import { Http2StreamError } from '../../protocols/http2/http2-error.ts';
import type { FrameBuffer } from './frame-buffer.ts';
import type { Http2Limits } from './limits.ts';
import type { Stream } from './stream.ts';

/** More than the windows of all streams together, so that one which nobody reads never stops the others. */
const CONNECTION_BYTES = 1 << 30;
/** What a window is multiplied by: with no more, it keeps ahead of what TCP sends in a round trip (slow start, RFC 5681 3.1). */
const GROWTH = 4;
/** So much is given back before half of a wide window has gathered, or in effect it would be half as wide. */
const MAX_OWED_BYTES = 262_144;

/** Where the octets come from by which windows are wider than at first; see ByteBudget. */
export interface SpareBytes {
  takeSpare(bytes: number): boolean;
  give(bytes: number): void;
}

/**
 * The windows that we give the peer (RFC 9113 5.2, 6.9). Each stream's bounds what nobody has read yet, the connection's bounds
 * nothing. Credit is given back when half a window or 256 KiB have gathered; a stream of which so much was read has a wider one from then
 * on, and so has an answer before it comes, while there are octets to spare.
 */
export class Credit {
  readonly #frames: FrameBuffer;
  readonly #streamBytes: number;
  readonly #maxStreamBytes: number;
  readonly #spare: SpareBytes;
  #window = INITIAL_WINDOW_BYTES;
  /** The window that a new stream has: until the peer has confirmed a smaller one, the one it started with. */
  initialWindow: number;

  constructor(limits: Http2Limits, frames: FrameBuffer, spare: SpareBytes) {
    this.#frames = frames;
    this.#spare = spare;
    this.#streamBytes = Math.min(MAX_31_BITS, limits.streamWindowBytes);
    this.#maxStreamBytes = Math.min(MAX_31_BITS, limits.maxStreamWindowBytes);
    this.initialWindow = Math.max(INITIAL_WINDOW_BYTES, this.#streamBytes);
  }

  /** Widens the connection's window to its full size; at first, part of what is said first. */
  refill(): void {
    this.#frames.numbers(FrameType.WINDOW_UPDATE, 0, CONNECTION_BYTES - this.#window);
    this.#window = CONNECTION_BYTES;
  }

  /** The peer has confirmed our settings (RFC 9113 6.9.2). */
  confirmed(streams: Iterable<Stream>): void {
    const change = this.#streamBytes - this.initialWindow;
    this.initialWindow = this.#streamBytes;
    if (change !== 0) for (const stream of streams) stream.receiveWindow += change;
  }

  /** Takes a DATA frame, padding included, out of the connection's window, which no frame can exceed. */
  receive(bytes: number): void {
    this.#window -= bytes;
    if (this.#window * 2 < CONNECTION_BYTES) this.refill();
  }

  /** Takes a DATA frame, padding included, out of the stream's window. */
  receiveOn(stream: Stream, bytes: number): void {
    stream.receiveWindow -= bytes;
    if (stream.receiveWindow < 0) {
      throw new Http2StreamError('FLOW_CONTROL_ERROR', 'DATA beyond the stream window (RFC 9113 6.9)');
    }
  }

  /** We have asked on this stream: an answer of more than the first window is not to wait for a word from us. */
  openedByUs(stream: Stream): void {
    const bytes = this.#widen(stream);
    if (bytes > 0) this.#grant(stream, bytes);
  }

  /** Gives octets back to a stream, if more can come on it. */
  giveBackOn(stream: Stream, bytes: number): void {
    if (stream.receiving === 'done') return;
    stream.uncreditedBytes += bytes;
    const size = this.#streamBytes + stream.addedBytes;
    if (stream.uncreditedBytes === 0 || stream.uncreditedBytes < Math.min(size / 2, MAX_OWED_BYTES)) return;
    this.#grant(stream, stream.uncreditedBytes + this.#widen(stream));
    stream.uncreditedBytes = 0;
  }

  /** The stream is gone, and what its window was wider by is for others. */
  release(stream: Stream): void {
    if (stream.addedBytes > 0) this.#spare.give(stream.addedBytes);
    stream.addedBytes = 0;
  }

  #grant(stream: Stream, bytes: number): void {
    this.#frames.numbers(FrameType.WINDOW_UPDATE, stream.id, bytes);
    stream.receiveWindow += bytes;
  }

  /** By how much the stream's window is wider from now on. */
  #widen(stream: Stream): number {
    const size = this.#streamBytes + stream.addedBytes;
    const bytes = Math.min(this.#maxStreamBytes, size * GROWTH) - size;
    if (bytes <= 0 || !this.#spare.takeSpare(bytes)) return 0;
    stream.addedBytes += bytes;
    return bytes;
  }
}
