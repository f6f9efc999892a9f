import { giveSlab, keepCopy } from '../../../common/slabs.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { INITIAL_WINDOW_BYTES, MAX_31_BITS } from '../../protocols/http2/frames.ts';
import type { Http2RequestHead, Http2ResponseHead } from '../../protocols/http2/heads.ts';
import { HpackEncoder } from '../../protocols/http2/hpack-encoder.ts';
import { Http2Error, Http2StreamError } from '../../protocols/http2/http2-error.ts';
import type { PeerSettings } from '../../protocols/http2/settings.ts';
import type { Allowance } from './allowance.ts';
import type { Http2Event } from './events.ts';
import { FrameBuffer } from './frame-buffer.ts';
import type { Http2Limits } from './limits.ts';
import type { Stream } from './stream.ts';

/** What a frame of body earns of the control frame allowance: its WINDOW_UPDATE frames, a PING. */
const EARNED_BY_DATA = 3;
/** A shorter frame earns nothing when the peer's window made it so: windows of one octet are a flood (CVE-2019-9511). */
const MIN_EARNING_BYTES = 64;

/** Messages on their way out: header compression, flow control (RFC 9113 5.2), and what waits for a window. */
export class Outbound {
  readonly frames = new FrameBuffer();
  readonly encoder: HpackEncoder;
  connectionWindow = INITIAL_WINDOW_BYTES;
  /** Octets of body that wait for a window. */
  queuedBytes = 0;
  /** Octets of body that were sent and not given back late. */
  #givenBytes = 0;

  readonly #limits: Http2Limits;
  readonly #peer: PeerSettings;
  readonly #events: Http2Event[];
  readonly #control: Allowance;
  /** Streams that hold body which does not fit, the one served longest ago first. No `Set`: see `common/roster.ts`. */
  #waiting: Stream[] = [];

  constructor(limits: Http2Limits, peer: PeerSettings, events: Http2Event[], control: Allowance) {
    this.#limits = limits;
    this.#peer = peer;
    this.#events = events;
    this.#control = control;
    this.encoder = new HpackEncoder(limits.encoderTableBytes);
  }

  requestHead(stream: number, head: Http2RequestHead, endStream: boolean): void {
    const { encoder } = this;
    const sensitive = either(head.sensitive, head.headers.neverIndexed);
    encoder.begin();
    encoder.field(':method', head.method, false);
    if (head.scheme !== '') encoder.field(':scheme', head.scheme, false);
    encoder.field(':authority', head.authority, sensitive.has(':authority'));
    if (head.path !== '') encoder.field(':path', head.path, sensitive.has(':path'));
    if (head.protocol !== undefined) encoder.field(':protocol', head.protocol, false);
    this.#block(stream, head.headers, sensitive, endStream);
  }

  responseHead(stream: number, head: Http2ResponseHead, endStream: boolean): void {
    this.encoder.begin();
    this.encoder.field(':status', String(head.status), false);
    this.#block(stream, head.headers, either(head.sensitive, head.headers.neverIndexed), endStream);
  }

  /** Sends what the windows let, and queues a copy of the rest; false if there is a rest. */
  data(stream: Stream, bytes: Buffer): boolean {
    const sent = stream.queuedBytes === 0 ? this.#write(stream, bytes, bytes.length) : 0;
    if (sent === bytes.length) return true;
    if (stream.queuedBytes === 0) this.#waiting.push(stream);
    const frameBytes = this.#frameBytes();
    for (let at = sent; at < bytes.length; at += frameBytes) {
      stream.queue.push(keepCopy(bytes.subarray(at, at + frameBytes)));
    }
    const queued = bytes.length - sent;
    stream.queuedBytes += queued;
    this.queuedBytes += queued;
    return false;
  }

  /** Ends our side, at once or when the queue is sent; then `stream.sending` is `done`. */
  end(stream: Stream, trailers: HeaderList | undefined): void {
    stream.sending = 'ending';
    stream.trailers = trailers;
    if (stream.queuedBytes === 0) this.#finish(stream);
  }

  /** Drops what waits: the stream is gone. */
  forget(stream: Stream): void {
    if (stream.queuedBytes === 0) return;
    this.#waiting.splice(this.#waiting.indexOf(stream), 1);
    this.queuedBytes -= stream.queuedBytes;
    stream.queue.length = 0;
    stream.queuedBytes = 0;
  }

  /** Adds to the connection's window (RFC 9113 6.9). */
  grow(increment: number): void {
    this.connectionWindow += increment;
    if (this.connectionWindow > MAX_31_BITS) {
      throw new Http2Error('FLOW_CONTROL_ERROR', 'a connection window above 2^31-1 (RFC 9113 6.9.1)');
    }
  }

  /** Adds to a stream's window (RFC 9113 6.9). */
  growStream(stream: Stream, increment: number): void {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_31_BITS) {
      throw new Http2StreamError('FLOW_CONTROL_ERROR', 'a stream window above 2^31-1 (RFC 9113 6.9.1)');
    }
  }

  /** Counts a window that is given back when its stream is over; false if it is more than was sent. */
  takeBack(increment: number): boolean {
    if (increment === 0 || increment > this.#givenBytes) return false;
    this.#givenBytes -= increment;
    return true;
  }

  /** Sends what waits, as the windows let; a frame of each stream in turn. Returns the streams that are done by it. */
  flush(): Stream[] {
    const done: Stream[] = [];
    let moved = true;
    while (moved && this.connectionWindow > 0 && this.#waiting.length > 0) {
      moved = false;
      const stuck: Stream[] = [];
      const served: Stream[] = [];
      for (const stream of this.#waiting) {
        if (!this.#flushFrame(stream)) {
          stuck.push(stream);
          continue;
        }
        moved = true;
        if (stream.queuedBytes > 0) served.push(stream);
        else if (stream.sending === 'body') this.#events.push({ type: 'writable', stream: stream.id });
        else {
          this.#finish(stream);
          done.push(stream);
        }
      }
      this.#waiting = [...stuck, ...served];
    }
    return done;
  }

  #flushFrame(stream: Stream): boolean {
    const first = stream.queue[0];
    if (first === undefined) return false;
    const sent = this.#write(stream, first, this.#frameBytes());
    if (sent === 0) return false;
    stream.queuedBytes -= sent;
    this.queuedBytes -= sent;
    if (sent === first.length) {
      stream.queue.shift();
      giveSlab(first);
    } else stream.queue[0] = first.subarray(sent);
    return true;
  }

  #frameBytes(): number {
    return Math.min(this.#peer.maxFrameBytes, this.#limits.maxFrameBytes);
  }

  /** Writes DATA frames of up to `max` octets in all; returns how many octets went. */
  #write(stream: Stream, bytes: Buffer, max: number): number {
    const frameBytes = this.#frameBytes();
    const wanted = Math.min(bytes.length, max);
    const allowed = Math.min(wanted, stream.sendWindow, this.connectionWindow);
    if (allowed <= 0) return 0;
    for (let at = 0; at < allowed; at += frameBytes) {
      this.frames.data(stream.id, bytes, at, Math.min(allowed, at + frameBytes), false, frameBytes);
    }
    stream.sendWindow -= allowed;
    this.connectionWindow -= allowed;
    this.#givenBytes += allowed;
    if (allowed === wanted || allowed >= MIN_EARNING_BYTES) {
      this.#control.earn(EARNED_BY_DATA * Math.ceil(allowed / frameBytes));
    }
    return allowed;
  }

  #finish(stream: Stream): void {
    stream.sending = 'done';
    const { trailers } = stream;
    if (trailers !== undefined && trailers.size > 0) {
      this.encoder.begin();
      this.#block(stream.id, trailers, trailers.neverIndexed, true);
    } else if (!this.frames.endLast(stream.id)) {
      this.frames.data(stream.id, NOTHING, 0, 0, true, 0);
    }
  }

  #block(stream: number, headers: HeaderList, sensitive: ReadonlySet<string>, endStream: boolean): void {
    const { encoder } = this;
    const { raw } = headers;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at] ?? '';
      encoder.field(name, raw[at + 1] ?? '', sensitive.has(name));
    }
    this.frames.headers(stream, encoder.bytes, encoder.length, endStream, this.#frameBytes());
  }
}

function either(own: ReadonlySet<string> | undefined, received: ReadonlySet<string>): ReadonlySet<string> {
  return received.size === 0 ? (own ?? received) : new Set([...(own ?? []), ...received]);
}

const NOTHING = Buffer.alloc(0);
