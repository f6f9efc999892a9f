import { Duplex } from 'node:stream';
import { Roster } from '../../../common/roster.ts';
import type { LiveExchange } from '../../../proxy/http/services.ts';
import type { UpstreamStream } from '../../../proxy/http/streams.ts';
import { Http2AgentConnection } from '../../../proxy/io/agent/http2-agent-connection.ts';
import { DEFAULT_LIMITS, type ProxyLimits } from '../../../proxy/limits.ts';
import { bareServices } from './bare-services.ts';
import { cutFrames, describeFrame, END_STREAM, GET, headers, type Pairs, POST } from './http2-frames.ts';

/** A request whose upstream is being dialled for as long as the test lasts, unless there is one. */
export const pending = (id: number): Buffer => headers(id, GET, END_STREAM);
/** A request that is refused at once, with a body that says so. */
export const refused = (id: number): Buffer => headers(id, toElsewhere(GET), END_STREAM);
/** The head of one with content, which is refused before that comes. */
export const ELSEWHERE: Pairs = toElsewhere(POST);

export interface AgentSide {
  readonly connection: Http2AgentConnection;
  readonly socket: Duplex;
  /** What the clock shows. */
  now: number;
  /** While false, what the proxy writes waits; `takeAll` takes it. */
  takes: boolean;
  takeAll(): void;
  readonly state: { draining: boolean; ready: boolean };
  readonly live: Roster<LiveExchange>;
  /** Why each call ended. */
  readonly reasons: string[];
  /** Every byte that the agent was sent. */
  written(): Buffer;
  /** What the agent was told, in a few words for each frame, but for the settings. */
  told(): string[];
}

/** An agent's connection without a network. */
export function agentSide(limits: Partial<ProxyLimits> = {}, upstream?: UpstreamStream): AgentSide {
  const written: Buffer[] = [];
  const untaken: (() => void)[] = [];
  const reasons: string[] = [];
  const live = new Roster<LiveExchange>();
  const state = { draining: false, ready: true };
  const socket = new Duplex({
    // That of Node 20; from 22 on it is four times that.
    highWaterMark: 16_384,
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      written.push(bytes);
      if (side.takes) done();
      else untaken.push(done);
    },
  });
  const side = { now: 0, takes: true };
  const services = bareServices({
    limits: { ...DEFAULT_LIMITS, ...limits },
    monotonicMs: () => side.now,
    state,
    live,
    unrouted: 'observe',
    pool: { take: () => upstream, open: () => new Promise(() => {}) },
    ended: (_call: unknown, _outcome: unknown, reason: string) => reasons.push(reason),
  });
  const transport = { kind: 'tunnel', host: 'a.example', port: 443, tls: true } as const;
  return Object.assign(side, {
    connection: new Http2AgentConnection(services, socket, transport),
    socket,
    state,
    live,
    reasons,
    takeAll: () => {
      for (let done = untaken.shift(); done !== undefined; done = untaken.shift()) done();
    },
    written: () => Buffer.concat(written),
    told: () => {
      return cutFrames(Buffer.concat(written))
        .map(describeFrame)
        .filter((text) => !/^(SETTINGS|WINDOW_UPDATE)/.test(text));
    },
  });
}

function toElsewhere(pairs: Pairs): Pairs {
  return pairs.map(([name, value]) => [name, name === ':authority' ? 'other.example' : value]);
}
