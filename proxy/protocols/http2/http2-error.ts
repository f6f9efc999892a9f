import { SidekeyError } from '../../../common/errors.ts';

/** Error codes (RFC 9113 7). */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type ErrorName = keyof typeof ErrorCode;

const NAMES = new Map<number, ErrorName>(Object.entries(ErrorCode).map(([name, code]) => [code, name as ErrorName]));

/** The name of an error code; unknown ones count as INTERNAL_ERROR (RFC 9113 7). */
export function errorName(code: number): ErrorName {
  return NAMES.get(code) ?? 'INTERNAL_ERROR';
}

/** The peer broke the connection (RFC 9113 5.4.1); it has to close. The text never holds bytes of the peer. */
export class Http2Error extends SidekeyError {
  declare readonly code: ErrorName;

  constructor(code: ErrorName, message: string) {
    super(code, message);
  }
}

/** The peer broke one stream (RFC 9113 5.4.2), which is reset; the connection goes on. */
export class Http2StreamError extends SidekeyError {
  declare readonly code: ErrorName;

  constructor(code: ErrorName, message: string) {
    super(code, message);
  }
}

/** The error for a message outside the rules of HTTP (RFC 9113 8.1.1). */
export function malformedMessage(message: string): Http2StreamError {
  return new Http2StreamError('PROTOCOL_ERROR', message);
}
