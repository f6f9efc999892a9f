import { FrameReader } from '../../protocols/http2/frame-reader.ts';
import { Flag, FrameType, MAX_31_BITS } from '../../protocols/http2/frames.ts';
import { HpackDecoder } from '../../protocols/http2/hpack-decoder.ts';
import { Http2Error, Http2StreamError, malformedMessage } from '../../protocols/http2/http2-error.ts';
import { HeaderBlock } from './header-block.ts';
import type { ConnectionState } from './connection-state.ts';
import { readGoaway, readPing, readPriority, readReset, readWindowUpdate, SettingsExchange } from './control-frames.ts';
import { Messages } from './messages.ts';
import type { Stream } from './stream.ts';

const PRIORITY_BYTES = 5;

/** What is read next. `body`: the rest of a DATA frame without padding, told as it arrives. */
type Expecting = 'preface' | 'frame' | 'payload' | 'body';

/** Frames on their way in (RFC 9113 4 to 6): each is judged and becomes events, or changes the state. */
export class Inbound {
  readonly #reader = new FrameReader();
  readonly #decoder: HpackDecoder;
  readonly #state: ConnectionState;
  readonly #messages: Messages;
  readonly #settings: SettingsExchange;
  readonly #block: HeaderBlock;
  #expecting: Expecting;
  #hasSettings = false;
  #goawayLast = MAX_31_BITS;
  /** The stream whose body comes, or undefined to drop it; and how much of the frame is to come. */
  #bodyStream: Stream | undefined;
  #bodyLeft = 0;

  constructor(state: ConnectionState) {
    this.#state = state;
    this.#expecting = state.role === 'server' ? 'preface' : 'frame';
    this.#decoder = new HpackDecoder(state.limits);
    this.#messages = new Messages(state, this.#decoder);
    this.#settings = new SettingsExchange(state, this.#decoder);
    this.#block = new HeaderBlock(state.limits);
  }

  get bufferedBytes(): number {
    return this.#reader.bufferedBytes;
  }

  receive(bytes: Buffer): void {
    this.#reader.receive(bytes);
  }

  copyUnread(): void {
    this.#reader.copyUnread();
  }

  /** Reads on by a step; false while bytes are missing. Throws Http2Error. */
  step(): boolean {
    switch (this.#expecting) {
      case 'preface':
        if (!this.#reader.readPreface()) return false;
        this.#expecting = 'frame';
        return true;
      case 'frame':
        if (!this.#reader.readHeader(this.#state.limits.maxFrameBytes)) return false;
        this.#expecting = 'payload';
        this.#judgeHeader();
        return true;
      case 'payload':
        if (!this.#reader.readPayload()) return false;
        this.#expecting = 'frame';
        this.#readFrame();
        return true;
      case 'body':
        return this.#readBody();
    }
  }

  #judgeHeader(): void {
    const frame = this.#reader;
    if (!this.#hasSettings) {
      if (frame.type !== FrameType.SETTINGS || (frame.flags & Flag.ACK) !== 0) {
        throw new Http2Error('PROTOCOL_ERROR', 'a connection that does not begin with SETTINGS (RFC 9113 3.4)');
      }
      this.#hasSettings = true;
    }
    this.#block.admit(frame);
    if (frame.type === FrameType.DATA && (frame.flags & Flag.PADDED) === 0) this.#beginBody(frame.length);
  }

  /** Judges a DATA frame (RFC 9113 6.1), which holds so many octets of body. */
  #admitData(bodyBytes: number): Stream | undefined {
    const frame = this.#reader;
    const state = this.#state;
    if (frame.stream === 0) throw new Http2Error('PROTOCOL_ERROR', 'DATA without a stream (RFC 9113 6.1)');
    if (state.isIdle(frame.stream)) throw new Http2Error('PROTOCOL_ERROR', 'DATA on an idle stream (RFC 9113 5.1)');
    state.credit.receive(frame.length);
    const stream = state.streams.get(frame.stream);
    if (stream === undefined) {
      const isLate = bodyBytes > 0 && state.streams.takeLate(frame.stream, frame.length);
      if (!isLate) this.#messages.refuseClosed(frame.stream);
      return undefined;
    }
    try {
      if (stream.receiving === 'done')
        throw new Http2StreamError('STREAM_CLOSED', 'DATA behind END_STREAM (RFC 9113 5.1)');
      if (stream.receiving === 'head') throw malformedMessage('DATA before a head (RFC 9113 8.1)');
      state.credit.receiveOn(stream, frame.length);
      this.#messages.expectBody(stream, bodyBytes);
    } catch (error) {
      this.#failStream(frame.stream, error);
      return undefined;
    }
    if (bodyBytes > 0) state.control.earn(1);
    else if ((frame.flags & Flag.END_STREAM) === 0) state.spendControl();
    return stream;
  }

  #beginBody(bytes: number): void {
    this.#bodyStream = this.#admitData(bytes);
    this.#bodyLeft = bytes;
    this.#expecting = 'body';
    if (bytes === 0) this.#endBody();
  }

  #readBody(): boolean {
    const bytes = this.#reader.takePayload(this.#bodyLeft);
    if (bytes === undefined) return false;
    this.#bodyLeft -= bytes.length;
    this.#tellBody(bytes);
    if (this.#bodyLeft === 0) this.#endBody();
    return true;
  }

  #tellBody(bytes: Buffer): void {
    const stream = this.#bodyStream;
    // The caller may have reset the stream between two pieces.
    if (stream === undefined || stream.closed) return;
    stream.unconsumedBytes += bytes.length;
    this.#state.events.push({ type: 'body', stream: stream.id, bytes });
  }

  #endBody(): void {
    const stream = this.#bodyStream;
    this.#expecting = 'frame';
    this.#bodyStream = undefined;
    if (stream === undefined || stream.closed || (this.#reader.flags & Flag.END_STREAM) === 0) return;
    try {
      this.#messages.end(stream, undefined);
    } catch (error) {
      this.#failStream(stream.id, error);
    }
  }

  #readFrame(): void {
    const frame = this.#reader;
    switch (frame.type) {
      case FrameType.DATA:
        this.#readPaddedData();
        return;
      case FrameType.HEADERS:
        this.#readHeaders();
        return;
      case FrameType.CONTINUATION:
        this.#block.add(frame.bytes, frame.start, frame.end);
        if ((frame.flags & Flag.END_HEADERS) !== 0) this.#readGatheredBlock();
        return;
      case FrameType.PUSH_PROMISE:
        throw new Http2Error('PROTOCOL_ERROR', 'PUSH_PROMISE, which nobody allowed (RFC 9113 6.6, 8.4)');
      default:
        if (frame.type !== FrameType.WINDOW_UPDATE) this.#state.spendControl();
        try {
          this.#readControlFrame();
        } catch (error) {
          this.#failStream(frame.stream, error);
        }
    }
  }

  #readControlFrame(): void {
    const frame = this.#reader;
    switch (frame.type) {
      case FrameType.SETTINGS:
        this.#settings.read(frame);
        return;
      case FrameType.PING:
        readPing(this.#state, frame);
        return;
      case FrameType.GOAWAY:
        this.#goawayLast = readGoaway(this.#state, frame, this.#goawayLast);
        return;
      case FrameType.RST_STREAM:
        readReset(this.#state, frame);
        return;
      case FrameType.WINDOW_UPDATE:
        readWindowUpdate(this.#state, frame);
        return;
      case FrameType.PRIORITY:
        readPriority(this.#state, frame);
        return;
      default:
      // Unknown types are ignored (RFC 9113 5.5).
    }
  }

  #readPaddedData(): void {
    const frame = this.#reader;
    const end = unpad(frame);
    const start = frame.start + 1;
    const stream = this.#admitData(end - start);
    this.#bodyStream = stream;
    if (stream !== undefined) this.#state.credit.giveBackOn(stream, frame.length - (end - start));
    if (end > start) this.#tellBody(frame.bytes.subarray(start, end));
    this.#endBody();
  }

  /** HEADERS (RFC 9113 6.2). */
  #readHeaders(): void {
    const frame = this.#reader;
    if (frame.stream === 0) throw new Http2Error('PROTOCOL_ERROR', 'HEADERS without a stream (RFC 9113 6.2)');
    const padded = (frame.flags & Flag.PADDED) !== 0;
    const end = padded ? unpad(frame) : frame.end;
    let start = frame.start + (padded ? 1 : 0);
    if ((frame.flags & Flag.PRIORITY) !== 0) start += PRIORITY_BYTES;
    if (start > end) throw new Http2Error('FRAME_SIZE_ERROR', 'HEADERS that are too short (RFC 9113 6.2)');
    const endStream = (frame.flags & Flag.END_STREAM) !== 0;
    if ((frame.flags & Flag.END_HEADERS) !== 0) {
      this.#readBlock(frame.stream, endStream, frame.bytes, start, end);
      return;
    }
    this.#block.begin(frame.stream, endStream);
    this.#block.add(frame.bytes, start, end);
  }

  #readGatheredBlock(): void {
    const { stream, endStream } = this.#block;
    const bytes = this.#block.take();
    this.#readBlock(stream, endStream, bytes, 0, bytes.length);
  }

  #readBlock(stream: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    try {
      this.#messages.read(stream, endStream, bytes, start, end);
    } catch (error) {
      this.#failStream(stream, error);
    }
  }

  #failStream(stream: number, error: unknown): void {
    if (!(error instanceof Http2StreamError)) throw error;
    this.#state.fail(stream, error);
  }
}

/** Where the payload of a padded frame ends (RFC 9113 6.1); the octet at its start is the length of the padding. */
function unpad(frame: FrameReader): number {
  const end = frame.end - (frame.bytes[frame.start] ?? 0);
  if (frame.length === 0 || end <= frame.start) {
    throw new Http2Error('PROTOCOL_ERROR', 'more padding than the frame holds (RFC 9113 6.1)');
  }
  return end;
}
