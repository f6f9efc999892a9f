import type { FrameReader } from '../../protocols/http2/frame-reader.ts';
import { Flag, readUint31 } from '../../protocols/http2/frames.ts';
import { errorName, Http2Error, Http2StreamError } from '../../protocols/http2/http2-error.ts';
import { readSettings, SETTINGS_ACK } from '../../protocols/http2/settings.ts';
import type { HpackDecoder } from '../../protocols/http2/hpack-decoder.ts';
import type { ConnectionState } from './connection-state.ts';

const PING_BYTES = 8;
const MIN_GOAWAY_BYTES = 8;
/**
 * Smaller steps of a window count as control frames, since they can cut a body into tiny frames (CVE-2019-9511). Go's
 * net/http gives back 4 KiB at a time, on the stream and the connection: eight frames for one of ours.
 */
const FREE_INCREMENT = 4_096;

/** SETTINGS (RFC 9113 6.5). */
export class SettingsExchange {
  readonly #state: ConnectionState;
  readonly #decoder: HpackDecoder;
  #confirmed = false;

  constructor(state: ConnectionState, decoder: HpackDecoder) {
    this.#state = state;
    this.#decoder = decoder;
    // A larger table is to be expected as soon as it was offered; a smaller one only when that was confirmed.
    if (state.limits.decoderTableBytes > 4_096) decoder.limitTable(state.limits.decoderTableBytes);
  }

  read(frame: FrameReader): void {
    const state = this.#state;
    requireStreamZero(frame);
    if ((frame.flags & Flag.ACK) !== 0) {
      if (frame.length !== 0) throw frameSize('a SETTINGS acknowledgement with a payload (RFC 9113 6.5)');
      if (this.#confirmed) throw protocol('an acknowledgement of settings that were not sent (RFC 9113 6.5.3)');
      this.#confirmed = true;
      state.credit.confirmed(state.streams.values());
      this.#decoder.limitTable(state.limits.decoderTableBytes);
      return;
    }
    const { peer, outbound } = state;
    const windowBefore = peer.initialWindowBytes;
    readSettings(frame.bytes, frame.start, frame.end, state.role === 'server' ? 'client' : 'server', peer);
    outbound.encoder.allowTable(peer.smallestHeaderTableBytes);
    outbound.encoder.allowTable(peer.headerTableBytes);
    this.#shiftWindows(peer.initialWindowBytes - windowBefore);
    state.reply(SETTINGS_ACK.length);
    outbound.frames.raw(SETTINGS_ACK);
    state.events.push({ type: 'settings' });
    state.flush();
  }

  /** RFC 9113 6.9.2: the change goes for all streams, and here an overflow breaks the connection. */
  #shiftWindows(change: number): void {
    if (change === 0) return;
    for (const stream of this.#state.streams.values()) {
      try {
        this.#state.outbound.growStream(stream, change);
      } catch (error) {
        if (error instanceof Http2StreamError) throw new Http2Error(error.code, error.message);
        throw error;
      }
    }
  }
}

/** PING (RFC 9113 6.7). We send none, so that an answer is to none of ours and says nothing. */
export function readPing(state: ConnectionState, frame: FrameReader): void {
  requireStreamZero(frame);
  if (frame.length !== PING_BYTES) throw frameSize('a PING that is not of 8 octets (RFC 9113 6.7)');
  if ((frame.flags & Flag.ACK) !== 0) return;
  state.reply(frame.length);
  state.outbound.frames.pingAck(frame.bytes, frame.start);
}

/** GOAWAY (RFC 9113 6.8). */
export function readGoaway(state: ConnectionState, frame: FrameReader, lastBefore: number): number {
  requireStreamZero(frame);
  if (frame.length < MIN_GOAWAY_BYTES) throw frameSize('a GOAWAY that is too short (RFC 9113 6.8)');
  const last = readUint31(frame.bytes, frame.start);
  const code = errorName(frame.bytes.readUInt32BE(frame.start + 4));
  if (last > lastBefore) throw protocol('a GOAWAY that takes back an earlier one (RFC 9113 6.8)');
  state.peerClosing = true;
  for (const stream of state.streams.values()) {
    // What the peer has not taken may be tried again elsewhere (RFC 9113 8.7).
    if (stream.id > last && state.isOwn(stream.id)) {
      state.streams.rememberReset(stream.id, stream.receiveWindow);
      state.droppedByPeer(stream, 'REFUSED_STREAM', 'the peer goes away without this stream (RFC 9113 6.8)');
    }
  }
  state.events.push({ type: 'goaway', code });
  return last;
}

/** RST_STREAM (RFC 9113 6.4). */
export function readReset(state: ConnectionState, frame: FrameReader): void {
  if (frame.stream === 0) throw protocol('RST_STREAM without a stream (RFC 9113 6.4)');
  if (frame.length !== 4) throw frameSize('a RST_STREAM that is not of 4 octets (RFC 9113 6.4)');
  if (state.isIdle(frame.stream)) throw protocol('RST_STREAM on an idle stream (RFC 9113 6.4)');
  const stream = state.streams.get(frame.stream);
  if (stream === undefined) return;
  const code = errorName(frame.bytes.readUInt32BE(frame.start));
  state.droppedByPeer(stream, code, 'the peer reset the stream');
  // An answer that has begun was waited for; who stops more of it has cost no more than one that reads on.
  if (stream.sending === 'head') state.spendReset();
}

/** WINDOW_UPDATE (RFC 9113 6.9). */
export function readWindowUpdate(state: ConnectionState, frame: FrameReader): void {
  if (frame.length !== 4) throw frameSize('a WINDOW_UPDATE that is not of 4 octets (RFC 9113 6.9)');
  const increment = readUint31(frame.bytes, frame.start);
  if (increment < FREE_INCREMENT) state.spendControl();
  if (frame.stream === 0) {
    if (increment === 0) throw protocol('a WINDOW_UPDATE of 0 (RFC 9113 6.9)');
    state.outbound.grow(increment);
    state.flush();
    return;
  }
  if (state.isIdle(frame.stream)) throw protocol('WINDOW_UPDATE on an idle stream (RFC 9113 5.1)');
  const stream = state.streams.get(frame.stream);
  if (stream === undefined) {
    // Of one that is gone no window can overflow, so that nothing else would end a flood.
    if (!state.outbound.takeBack(increment)) state.spendControl();
    return;
  }
  if (increment === 0) throw new Http2StreamError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0 (RFC 9113 6.9)');
  state.outbound.growStream(stream, increment);
  if (stream.queuedBytes > 0) state.flush();
}

/** PRIORITY (RFC 9113 6.3) is checked and otherwise ignored, as 5.3.2 lets. */
export function readPriority(state: ConnectionState, frame: FrameReader): void {
  if (frame.stream === 0) throw protocol('PRIORITY without a stream (RFC 9113 6.3)');
  if (frame.length === 5) return;
  const message = 'a PRIORITY that is not of 5 octets (RFC 9113 6.3)';
  if (state.streams.get(frame.stream) === undefined) throw frameSize(message);
  throw new Http2StreamError('FRAME_SIZE_ERROR', message);
}

function requireStreamZero(frame: FrameReader): void {
  if (frame.stream !== 0) throw protocol('a frame of the connection on a stream (RFC 9113 6.5, 6.7, 6.8)');
}

function frameSize(message: string): Http2Error {
  return new Http2Error('FRAME_SIZE_ERROR', message);
}

function protocol(message: string): Http2Error {
  return new Http2Error('PROTOCOL_ERROR', message);
}
