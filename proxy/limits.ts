import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from './protocols/http1/limits.ts';
import { DEFAULT_WEBSOCKET_LIMITS, type WebSocketLimits } from './protocols/websocket/limits.ts';
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './sessions/http2/limits.ts';

/** Every bound of the proxy. Times are milliseconds, sizes bytes. */
export interface ProxyLimits extends Http1Limits {
  readonly http2: Http2Limits;
  readonly webSocket: WebSocketLimits;
  /** Agent connections at once; more are closed on arrival, which `sidekey_agent_connections_closed_total` counts. */
  readonly maxConnections: number;
  /** Upstream connections at once for one destination; a call beyond it waits for none and is answered 503. */
  readonly maxConnectionsPerHost: number;
  /** From the first byte of a head, or from accepting, to its last byte. */
  readonly headerTimeoutMs: number;
  /** A kept agent connection with no request in flight. */
  readonly agentIdleTimeoutMs: number;
  /** Longest pause inside a request body or a response body. */
  readonly bodyIdleTimeoutMs: number;
  /** From dialling an address to its TCP connection. */
  readonly connectTimeoutMs: number;
  /** From the whole request sent to the answer's head. */
  readonly responseTimeoutMs: number;
  /** A kept upstream connection with no request in flight. */
  readonly upstreamIdleTimeoutMs: number;
  /** Oldest age at which an upstream connection may be used again. */
  readonly upstreamMaxAgeMs: number;
  /** A TLS handshake, with agents and with upstreams; the settings of an upstream that chose HTTP/2, and a silence after which it gets no new calls. */
  readonly tlsHandshakeTimeoutMs: number;
  /** Kept HTTP/1.1 connections without a call, for one destination; more are closed. */
  readonly maxIdlePerHost: number;
  /** A request body that is held whole because its signature must read it first. */
  readonly maxSignedBodyBytes: number;
  /** Bodies held over all connections: read whole by a rule or signature (beyond it 503), and by which windows of HTTP/2 are wider than at first. */
  readonly maxHeldBytes: number;
  /** Decision records on disk while the control plane is away, of one run of the proxy: a half with denials, seven eighths with calls. */
  readonly maxSpoolBytes: number;
  /** Bytes held for one slow reader before its source is paused. */
  readonly highWaterBytes: number;
}

export const DEFAULT_LIMITS: ProxyLimits = Object.freeze({
  ...DEFAULT_HTTP1_LIMITS,
  http2: DEFAULT_HTTP2_LIMITS,
  webSocket: DEFAULT_WEBSOCKET_LIMITS,
  maxConnections: 4096,
  maxConnectionsPerHost: 256,
  headerTimeoutMs: 30_000,
  agentIdleTimeoutMs: 120_000,
  bodyIdleTimeoutMs: 300_000,
  connectTimeoutMs: 10_000,
  // SDKs of OpenAI and Anthropic wait 600 s for an answer that is not streamed, and ask anew on a 504.
  responseTimeoutMs: 900_000,
  upstreamIdleTimeoutMs: 30_000,
  upstreamMaxAgeMs: 300_000,
  tlsHandshakeTimeoutMs: 10_000,
  maxIdlePerHost: 256,
  maxSignedBodyBytes: 1_048_576,
  maxHeldBytes: 67_108_864,
  maxSpoolBytes: 256 * 1024 * 1024,
  highWaterBytes: 65_536,
});
