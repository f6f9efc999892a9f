/** How much of a message is read before it is refused. All are bytes, but for the counts. */
export interface Http1Limits {
  /** The start line and the header section, with the empty line that ends them. */
  readonly maxHeadBytes: number;
  /** Field lines in a header or trailer section. */
  readonly maxHeaderCount: number;
  /** The request target: path and query, or an absolute URL. */
  readonly maxTargetBytes: number;
  /** A chunk's size line, with its extensions (RFC 9112 7.1.1) and its CRLF. */
  readonly maxChunkLineBytes: number;
  /** The trailer section of a chunked body. */
  readonly maxTrailerBytes: number;
  /** The method's name. */
  readonly maxMethodBytes: number;
  /** Interim (1xx) answers before the final one; more is a flood. */
  readonly maxInformational: number;
}

export const DEFAULT_HTTP1_LIMITS: Http1Limits = Object.freeze({
  maxHeadBytes: 32_768,
  maxHeaderCount: 100,
  maxTargetBytes: 8_192,
  maxChunkLineBytes: 256,
  maxTrailerBytes: 8_192,
  maxMethodBytes: 32,
  maxInformational: 16,
});
