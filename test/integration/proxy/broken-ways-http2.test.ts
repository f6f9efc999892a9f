import type http2 from 'node:http2';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { data } from '../../support/protocols/http2-frames.ts';
import { http2Agent } from '../../support/agents/http2-agent.ts';
import {
  type FaultyHttp2Upstream,
  HTTP2_FAULTS,
  partOf,
  startFaultyHttp2Upstream,
} from '../../support/upstreams/http2-faults.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

// What breaks in the middle over HTTP/2: the agent is told, the record is right, and nothing is left behind.

let world: ProxyWorld;
let upstream: FaultyHttp2Upstream;
beforeEach(async () => {
  upstream = await startFaultyHttp2Upstream();
  const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: upstream.caPem, serverName: '' };
  world = await startProxyWorld({ routes: () => [route({ hosts: ['localhost'], ports: [upstream.port], tls })] });
});
afterEach(async () => {
  await world.close();
  await upstream.close();
});

async function openSession(): Promise<http2.ClientHttp2Session> {
  const { tls } = await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['h2'] });
  return http2Agent(tls, `localhost:${upstream.port}`);
}

/** Everything that the agent is told, to its last word. */
async function hear(stream: http2.ClientHttp2Stream): Promise<string> {
  const heard: string[] = [];
  stream.on('error', () => {});
  stream.on('response', (head) => heard.push(JSON.stringify(head)));
  stream.on('trailers', (head) => heard.push(`trailers ${JSON.stringify(head)}`));
  stream.on('data', (bytes: Buffer) => heard.push(bytes.toString()));
  await new Promise((resolve) => stream.on('close', resolve));
  return `${heard.join('')} reset ${stream.rstCode}`;
}

const GRPC_CALL = {
  ':method': 'POST',
  ':path': '/acme.Inventory/List',
  'content-type': 'application/grpc',
  te: 'trailers',
};
/** A message, and the beginning of a second one. */
const GRPC_PART = Buffer.from('\0\0\0\0\x01a\0\0\0\0\x09part');

interface Agent {
  readonly call: () => Promise<string>;
  readonly part: (stream: number) => Buffer;
  readonly bytes: number;
  /** How a call that failed ends before its answer, and in it. */
  readonly told: (reason: string) => RegExp;
  readonly cut: (reason: string) => RegExp;
}
const AGENTS: Record<string, Agent> = {
  'HTTP/1.1': {
    call: async () => {
      const { agent } = await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['http/1.1'] });
      return agent.send(`GET / HTTP/1.1\r\nHost: localhost:${upstream.port}\r\nConnection: close\r\n\r\n`).closed();
    },
    part: (stream) => partOf(stream, 'only a part', [['content-length', '100']]),
    bytes: 11,
    told: (reason) => new RegExp(`^HTTP/1.1 502 .*"code":"${reason}"`, 's'),
    cut: () => /content-length: 100.*only a part$/s,
  },
  'HTTP/2': {
    call: async () => hear((await openSession()).request({ ':path': '/' })),
    part: (stream) => partOf(stream, 'only a part', [['content-length', '100']]),
    bytes: 11,
    told: (reason) => new RegExp(`":status":502.*"code":"${reason}".* reset 0$`, 's'),
    cut: () => /only a part reset 2$/,
  },
  gRPC: {
    call: async () => {
      const stream = (await openSession()).request(GRPC_CALL);
      stream.end(Buffer.from('\0\0\0\0\0'));
      return hear(stream);
    },
    part: (stream) => partOf(stream, GRPC_PART, [['content-type', 'application/grpc']]),
    bytes: GRPC_PART.length,
    told: (reason) => new RegExp(`^{":status":200.*"grpc-status":"14","grpc-message":"${reason}: .* reset 0$`),
    cut: (reason) => new RegExp(`part\\w*trailers {"grpc-status":"14","grpc-message":"${reason}: .* reset 0$`, 's'),
  },
};

describe.each(Object.entries(AGENTS))('an agent of %s', (name, agent) => {
  describe.each(['before its answer', 'in its body'])('%s', (when) => {
    const isBefore = when === 'before its answer';
    test.each(Object.entries(HTTP2_FAULTS))('an upstream that %s', async (_, { strike, reason, spares, retried }) => {
      // A gRPC answer has no length to be compared with.
      if (name === 'gRPC' && !isBefore && reason === 'upstream-malformed' && spares) return;
      upstream.onRequest = (socket, stream) => strike(socket, stream, isBefore ? Buffer.alloc(0) : agent.part(stream));
      expect(await agent.call()).toMatch(isBefore ? agent.told(reason) : agent.cut(reason));
      await until('it is recorded', () => world.client.records.length > 0);
      const responseBytes = isBefore ? 0 : agent.bytes;
      expect(world.client.records).toMatchObject([
        { outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number, responseBytes },
      ]);
      // Again, three times.
      expect(upstream.sockets).toHaveLength(retried && isBefore ? 4 : 1);
      const isLetGo = (): boolean => upstream.sockets.every(({ destroyed }) => destroyed);
      if (!spares) return until('the upstream is let go', isLetGo);
      await agent.call();
      expect(upstream.sockets).toHaveLength(1);
    });
  });
});

test('an agent that resets a stream ends its call upstream, and no other', async () => {
  const streams: number[] = [];
  upstream.onRequest = (socket, stream) => {
    streams.push(stream);
    socket.write(partOf(stream, 'only a part'));
  };
  const session = await openSession();
  const [given, kept] = [session.request({ ':path': '/given' }), session.request({ ':path': '/kept' })];
  for (const stream of [given, kept]) {
    stream.on('error', () => {});
    await new Promise((resolve) => stream.once('data', resolve));
  }
  given.close(8);
  await until('the upstream is told', () => upstream.resets.length > 0);
  expect(upstream.resets).toEqual([8]);
  await until('it is recorded', () => world.client.records.length > 0);
  expect(world.client.records).toMatchObject([
    { path: '/given', reason: REASONS['agent-closed'].number, responseBytes: 11 },
  ]);
  expect(kept.destroyed).toBe(false);
  session.destroy();
  const more = setInterval(() => upstream.sockets[0]?.write(data(streams[1] ?? 0, '.')), 50);
  await until('the upstream is told', () => upstream.resets.length === 2).finally(() => clearInterval(more));
  await until('it is recorded', () => world.client.records.length === 2);
  expect(world.client.records[1]).toMatchObject({ path: '/kept', reason: REASONS['agent-closed'].number });
});

test('a gRPC stream that is revoked says why', async () => {
  let isRunning = false;
  upstream.onRequest = (socket, stream) =>
    void socket.write(AGENTS['gRPC']?.part(stream) ?? '', () => (isRunning = true));
  const call = AGENTS['gRPC']?.call();
  await until('it is sent', () => isRunning);
  await new Promise((resolve) => setTimeout(resolve, 300));
  world.client.revoke({ id: '1', target: 2, name: 'agent-calls-api', at: undefined, lifted: false });
  expect(await call).toMatch(/trailers {"grpc-status":"7","grpc-message":"policy-revoked: .* reset 0$/s);
  await until('the upstream is told', () => upstream.resets.length > 0);
  expect(world.client.records).toMatchObject([{ outcome: Outcome.OUTCOME_FAILED, reason: 11, responseBytes: 15 }]);
});
