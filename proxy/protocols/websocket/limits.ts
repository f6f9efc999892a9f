/** How much of a WebSocket is read before it is refused. */
export interface WebSocketLimits {
  /** A frame up to this many bytes is held until it is whole and stays one frame; a longer one goes on in fragments. */
  readonly maxWholeFrameBytes: number;
  /** One message, inflated where it is inflated here. */
  readonly maxMessageBytes: number;
  /** Frames of one message. */
  readonly maxFragments: number;
  /** Control frames of one side since the last frame of the other; more is a flood. */
  readonly maxControlsInRow: number;
  /** Bytes made for one side before its source has to wait. */
  readonly maxPendingBytes: number;
}

export const DEFAULT_WEBSOCKET_LIMITS: WebSocketLimits = Object.freeze({
  maxWholeFrameBytes: 65_536,
  maxMessageBytes: 268_435_456,
  maxFragments: 65_536,
  maxControlsInRow: 4_096,
  maxPendingBytes: 262_144,
});
