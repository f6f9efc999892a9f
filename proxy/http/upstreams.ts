import type { Socket } from 'node:net';
import type { DialTarget } from './request/dial-target.ts';
import type { UpstreamStream } from './streams.ts';

/** What a stream is for. HTTP/1.1 connections can carry either. */
export type Use = 'exchange' | 'web-socket';

/** Where calls get their way to an upstream, each over a connection to an address that was checked when it was dialled. */
export interface Upstreams {
  /** A stream on a connection that stands, or undefined. */
  take(target: DialTarget, use: Use): UpstreamStream | undefined;
  /** A stream on a connection that stands or is dialled for it. @throws Refusal */
  open(target: DialTarget, use: Use): Promise<UpstreamStream>;
  /** A bare connection, for a relay that reads nothing. @throws Refusal */
  openRaw(target: DialTarget): Promise<{ readonly socket: Socket; readonly address: string }>;
}
