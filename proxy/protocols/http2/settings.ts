import {
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  INITIAL_WINDOW_BYTES,
  MAX_31_BITS,
  MAX_MAX_FRAME_BYTES,
  MIN_MAX_FRAME_BYTES,
  writeFrameHeader,
  writeUint32,
} from './frames.ts';
import { Http2Error } from './http2-error.ts';

/** Identifiers of settings (RFC 9113 6.5.2, RFC 8441 3). */
export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;

const ENTRY_BYTES = 6;

/** What the other side has told of itself, with the values that hold before it does (RFC 9113 6.5.2). */
export interface PeerSettings {
  headerTableBytes: number;
  /** The smallest that the last SETTINGS frame named, which may say it more than once (RFC 9113 6.5.3); as above where it named none. */
  smallestHeaderTableBytes: number;
  maxConcurrentStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
  enableConnectProtocol: boolean;
}

export function initialPeerSettings(): PeerSettings {
  return {
    headerTableBytes: 4_096,
    smallestHeaderTableBytes: 4_096,
    // Unlimited by the RFC; peers are expected to take 100 (RFC 9113 6.5.2), so no more are opened on trust.
    maxConcurrentStreams: 100,
    initialWindowBytes: INITIAL_WINDOW_BYTES,
    maxFrameBytes: MIN_MAX_FRAME_BYTES,
    enableConnectProtocol: false,
  };
}

/** Reads the payload of a SETTINGS frame into `settings`. `from` is who sent it. */
export function readSettings(
  bytes: Buffer,
  start: number,
  end: number,
  from: 'client' | 'server',
  settings: PeerSettings,
): void {
  if ((end - start) % ENTRY_BYTES !== 0) {
    throw new Http2Error('FRAME_SIZE_ERROR', 'a SETTINGS frame that is no multiple of 6 bytes (RFC 9113 6.5)');
  }
  settings.smallestHeaderTableBytes = settings.headerTableBytes;
  for (let at = start; at < end; at += ENTRY_BYTES) {
    readSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2), from, settings);
  }
}

function readSetting(id: number, value: number, from: 'client' | 'server', settings: PeerSettings): void {
  switch (id) {
    case Setting.HEADER_TABLE_SIZE:
      settings.headerTableBytes = value;
      settings.smallestHeaderTableBytes = Math.min(settings.smallestHeaderTableBytes, value);
      return;
    case Setting.ENABLE_PUSH:
      if (value > 1 || (value === 1 && from === 'server')) throw bad('SETTINGS_ENABLE_PUSH');
      return;
    case Setting.MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      return;
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > MAX_31_BITS) {
        throw new Http2Error('FLOW_CONTROL_ERROR', 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 (RFC 9113 6.5.2)');
      }
      settings.initialWindowBytes = value;
      return;
    case Setting.MAX_FRAME_SIZE:
      if (value < MIN_MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) throw bad('SETTINGS_MAX_FRAME_SIZE');
      settings.maxFrameBytes = value;
      return;
    case Setting.ENABLE_CONNECT_PROTOCOL:
      // RFC 8441 3: nothing but 0 and 1, and no way back to 0.
      if (value > 1 || (value === 0 && settings.enableConnectProtocol)) throw bad('SETTINGS_ENABLE_CONNECT_PROTOCOL');
      settings.enableConnectProtocol = value === 1;
      return;
    default:
  }
}

function bad(name: string): Http2Error {
  return new Http2Error('PROTOCOL_ERROR', `a value that ${name} may not have (RFC 9113 6.5.2)`);
}

/** A whole SETTINGS frame. */
export function writeSettings(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + ENTRY_BYTES * entries.length);
  let at = writeFrameHeader(frame, 0, ENTRY_BYTES * entries.length, FrameType.SETTINGS, 0, 0);
  for (const [id, value] of entries) {
    frame.writeUInt16BE(id, at);
    at = writeUint32(frame, at + 2, value);
  }
  return frame;
}

/** The frame that confirms the peer's settings (RFC 9113 6.5.3). */
export const SETTINGS_ACK: Buffer = Buffer.alloc(FRAME_HEADER_BYTES);
writeFrameHeader(SETTINGS_ACK, 0, 0, FrameType.SETTINGS, Flag.ACK, 0);
