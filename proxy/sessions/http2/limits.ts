import { MIN_MAX_FRAME_BYTES } from '../../protocols/http2/frames.ts';

/** What one connection may cost. Counts are whole numbers; an allowance is what may be spent ahead of what earns it. */
export interface Http2Limits {
  /** A head or trailer section: octets of names and values, with 32 for each field (RFC 9113 6.5.2). */
  readonly maxHeaderListBytes: number;
  /** Fields of a head or trailer section. */
  readonly maxHeaderCount: number;
  /** A header block as it arrives, HEADERS with its CONTINUATION frames. */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one header block. */
  readonly maxContinuations: number;
  /** The dynamic table that the peer may fill in our memory. */
  readonly decoderTableBytes: number;
  /** The dynamic table that we fill, unless the peer allows less. */
  readonly encoderTableBytes: number;
  /** Streams at a time; those whose body is not consumed yet count. */
  readonly maxConcurrentStreams: number;
  /** SETTINGS_MAX_FRAME_SIZE; also the most that we put into a frame. 16,384 at least. */
  readonly maxFrameBytes: number;
  /** Octets of a stream's body that may arrive before they are consumed, at first. */
  readonly streamWindowBytes: number;
  /** The same at most: four times as many of an answer from its head on, and again when half were consumed, while half of `maxHeldBytes` has room. */
  readonly maxStreamWindowBytes: number;
  /** Interim (1xx) answers before the final one. */
  readonly maxInformational: number;
  /** Allowance of frames that move no message on; see Allowance. */
  readonly controlFrameAllowance: number;
  /** Allowance of streams that the peer resets before their answer begins, or has us reset (CVE-2023-44487). */
  readonly resetAllowance: number;
  /** Octets of frames that the peer provoked (acknowledgements, resets) and that nobody took for writing. */
  readonly maxUntakenReplyBytes: number;
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = Object.freeze({
  maxHeaderListBytes: 32_768,
  maxHeaderCount: 100,
  maxHeaderBlockBytes: 32_768,
  maxContinuations: 8,
  decoderTableBytes: 4_096,
  encoderTableBytes: 4_096,
  maxConcurrentStreams: 128,
  maxFrameBytes: MIN_MAX_FRAME_BYTES,
  streamWindowBytes: 65_536,
  maxStreamWindowBytes: 4_194_304,
  maxInformational: 16,
  controlFrameAllowance: 1_000,
  resetAllowance: 200,
  maxUntakenReplyBytes: 65_536,
});
