import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import {
  type BreakableRelay,
  type Strike,
  STRIKE_NAMES,
  startBreakableRelay,
} from '../../support/upstreams/breakable-relay.ts';
import { afterwards, startWorld } from '../../support/worlds/chained-world.ts';
import { CORPORATE_KINDS, type CorporateKind } from '../../support/upstreams/corporate-kinds.ts';
import { startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { http2Session, type ProxyPlace, tunnel } from '../../support/agents/proxied-agent.ts';
import { type ProxyWorld, route } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { until } from '../../support/until.ts';

// A proxy before the upstream that breaks in the middle of a long call: the agent and the record are told, and the next
// call goes a new way.

const LIMITS = { bodyIdleTimeoutMs: 6_000, responseTimeoutMs: 20_000, tlsHandshakeTimeoutMs: 5_000 };
const PATIENCE_MS = 20_000;

/** A call that hears one word, and then how it ends. */
interface LongCall {
  heard: string;
  ended: string | undefined;
}
interface Protocol {
  /** Its port, and the authority of its certificate. */
  readonly start: () => Promise<{ port: number; caPem: string }>;
  readonly call: (place: ProxyPlace, port: number) => Promise<LongCall>;
  /** Bytes of the word as it is counted. */
  readonly bytes: number;
  /** As what a cut and a silence end. */
  readonly cut: RegExp;
  readonly late: RegExp;
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  'HTTP/2': {
    start: async () => {
      const upstream = await startHttp2Upstream(['localhost'], (stream) => {
        stream.respond({ ':status': 200 });
        stream.write('hello');
      });
      afterwards(() => upstream.close());
      return upstream;
    },
    call: async (place, port) => {
      const call: LongCall = { heard: '', ended: undefined };
      const session = await http2Session(place, 'localhost', port);
      afterwards(() => session.destroy());
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      stream.on('data', (bytes: Buffer) => (call.heard += bytes.toString()));
      stream.on('close', () => (call.ended = `reset ${stream.rstCode}`));
      return call;
    },
    bytes: 5,
    cut: /^reset 2$/,
    late: /^reset 2$/,
  },
  'a WebSocket': {
    start: async () => {
      const { key, cert, caPem } = makeTlsIdentity(['localhost']);
      const server = https.createServer({ key, cert });
      new WebSocketServer({ server }).on('connection', (socket) => {
        socket.on('error', () => {});
        socket.send('hello');
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      afterwards(() => {
        server.close();
        server.closeAllConnections();
      });
      return { port: (server.address() as AddressInfo).port, caPem };
    },
    call: async (place, port) => {
      const call: LongCall = { heard: '', ended: undefined };
      const secured = await tunnel(place, 'localhost', port, 'http/1.1');
      const socket = new WebSocket(`wss://localhost:${port}/`, { createConnection: () => secured });
      afterwards(() => socket.terminate());
      socket.on('error', (error) => (call.ended ??= error.message));
      socket.on('message', (bytes: Buffer) => (call.heard += bytes.toString()));
      socket.on('close', (code) => (call.ended ??= `closed ${code}`));
      return call;
    },
    bytes: 7,
    cut: /^closed 1014$/,
    late: /^closed 1001$/,
  },
};

interface Way {
  readonly name: string;
  readonly protocol: Protocol;
  readonly world: ProxyWorld;
  readonly relay: BreakableRelay;
  readonly port: number;
}

async function startThrough(kind: CorporateKind, name: string, protocol: Protocol): Promise<Way> {
  const { port, caPem } = await protocol.start();
  const { proxy, url, caPem: proxyCaPem = '' } = await kind.start();
  afterwards(() => proxy.close());
  const relay = await startBreakableRelay(proxy.port);
  afterwards(() => relay.close());
  const world = await startWorld(url.replace(String(proxy.port), String(relay.port)), undefined, {
    config: { upstreamCaPem: caPem + proxyCaPem, limits: LIMITS },
    routes: () => [route({ hosts: ['localhost'], ports: [port] })],
  });
  return { name: `${name} through ${kind.name}`, protocol, world, relay, port };
}

async function breakInTheMiddle({ name, protocol, world, relay, port }: Way, strike: Strike): Promise<void> {
  const place = { port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' };
  const call = await protocol.call(place, port);
  await until(`${name} runs`, () => call.heard === 'hello', PATIENCE_MS);
  relay.strike(strike);
  await until(`the agent is told, ${name}`, () => call.ended !== undefined, PATIENCE_MS);
  expect(call.ended, name).toMatch(strike === 'stalls' ? protocol.late : protocol.cut);
  await until(`it is recorded, ${name}`, () => world.client.records.length > 0);
  const reason: Reason = strike === 'stalls' ? 'upstream-timeout' : 'upstream-closed';
  const expected = [{ reason: REASONS[reason].number, responseBytes: protocol.bytes }];
  expect(world.client.records, name).toMatchObject(expected);
  const next = await protocol.call(place, port);
  await until(`the next call goes another way, ${name}`, () => next.heard === 'hello', PATIENCE_MS);
  const [broken] = relay.fronts;
  const isLetGo = (): boolean => broken?.destroyed === true || broken?.readableEnded === true;
  await until(`the broken way is let go, ${name}`, isLetGo, PATIENCE_MS);
}

const KINDS = CORPORATE_KINDS.filter(({ present }) => present);
const TOLD = STRIKE_NAMES.filter((strike) => strike !== 'stalls');

describe.each(KINDS.map((kind) => [kind.name, kind] as const))('through %s', (_name, kind) => {
  describe.each(Object.entries(PROTOCOLS))('%s', (protocolName, protocol) => {
    test.each(TOLD)('whose proxy %s in the middle', { timeout: 120_000 }, async (strike) => {
      await breakInTheMiddle(await startThrough(kind, protocolName, protocol), strike);
    });
  });
});

// At once, since each has to wait until its time is up.
test('whose proxy stalls in the middle, in every protocol through every kind', { timeout: 120_000 }, async () => {
  const ways: Way[] = [];
  for (const kind of KINDS) {
    for (const [name, protocol] of Object.entries(PROTOCOLS)) ways.push(await startThrough(kind, name, protocol));
  }
  await Promise.all(ways.map((way) => breakInTheMiddle(way, 'stalls')));
});
