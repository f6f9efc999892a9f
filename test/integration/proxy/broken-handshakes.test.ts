import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { afterwards, startWorld } from '../../support/worlds/chained-world.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

// An upstream with which no TLS comes about: the agent and the record are told what it was.

interface Fault {
  readonly does: (socket: net.Socket) => unknown;
  readonly reason: Reason;
  readonly words: string;
}
const alert = (code: number) => (socket: net.Socket) => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, code]));
const FAULTS: Readonly<Record<string, Fault>> = {
  resets: {
    does: (socket) => socket.resetAndDestroy(),
    reason: 'connect-failed',
    words: 'broke the connection in the TLS handshake',
  },
  closes: {
    does: (socket) => socket.end(),
    reason: 'connect-failed',
    words: 'closed the connection in the TLS handshake',
  },
  'closes in a record': {
    does: (socket) => socket.end(Buffer.from('16030300ff0200', 'hex')),
    reason: 'connect-failed',
    words: 'closed the connection in the TLS handshake',
  },
  'says nothing': {
    does: () => {},
    reason: 'connect-timeout',
    words: 'did not finish the TLS handshake in time',
  },
  'speaks HTTP': {
    does: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    reason: 'upstream-tls-failed',
    words: 'does not speak TLS on this port',
  },
  'speaks SSH': {
    does: (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'),
    reason: 'upstream-tls-failed',
    words: 'does not speak TLS on this port',
  },
  'breaks the rules': {
    does: (socket) => socket.write(Buffer.from('160303000401020304', 'hex')),
    reason: 'upstream-tls-failed',
    words: 'broke the rules of TLS: unexpected message',
  },
  'agrees to nothing': {
    does: alert(40),
    reason: 'upstream-tls-failed',
    words: 'refused our side of TLS: handshake failure',
  },
  'knows no such name': {
    does: alert(112),
    reason: 'upstream-tls-failed',
    words: 'refused our side of TLS: unrecognized name',
  },
};
const CERTIFICATES = {
  'of another name': { hosts: ['elsewhere.test'], isTrusted: true, words: /cannot be verified: .*altnames/ },
  'of an unknown authority': { hosts: ['api.test'], isTrusted: false, words: /cannot be verified: unable to verify/ },
};
const LIMITS = { config: { limits: { tlsHandshakeTimeoutMs: 1_000 } } };

let world: ProxyWorld | undefined;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  await world?.close();
  world = undefined;
  for (const end of ends.splice(0)) await end();
});

async function expectTold(through: ProxyWorld, port: number, reason: Reason, words: RegExp): Promise<void> {
  const { agent } = await through.tlsAgent('localhost', port);
  const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  const { code, detail } = JSON.parse(answer.text);
  expect([answer.status, code]).toEqual([REASONS[reason].httpStatus, reason]);
  expect(detail).toMatch(words);
  await until('it is recorded', () => through.client.records.length > 0);
  expect(through.client.records).toMatchObject([{ outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number }]);
}

describe('an upstream that', () => {
  test.each(Object.entries(FAULTS))('%s in the handshake', async (_, { does, reason, words }) => {
    const upstream = await startRawUpstream((socket) => socket.once('data', () => does(socket)));
    ends.push(() => upstream.close());
    world = await startProxyWorld({
      ...LIMITS,
      routes: () => [route({ hosts: ['localhost'], ports: [upstream.port] })],
    });
    await expectTold(world, upstream.port, reason, new RegExp(`^the upstream ${words}$`));
  });

  test.each(Object.entries(CERTIFICATES))('has a certificate %s', async (_, { hosts, isTrusted, words }) => {
    const { key, cert, caPem } = makeTlsIdentity(hosts);
    const server = tls.createServer({ key, cert }).on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    world = await startProxyWorld({
      config: { upstreamCaPem: isTrusted ? caPem : '' },
      routes: () => [route({ hosts: ['localhost'], ports: [port] })],
    });
    await expectTold(world, port, 'upstream-tls-failed', words);
  });

  test('went at one address is reached at the next', async () => {
    const dead = net.createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    world = await startProxyWorld({
      routes: ({ httpsPort }) => [route({ hosts: ['two.test'], ports: [httpsPort] })],
      lookup: (host) => (host === 'two.test' ? ['127.0.0.2', '127.0.0.1'] : undefined),
      config: {},
    });
    const { httpsPort } = world.upstream;
    await new Promise<void>((resolve) => dead.listen(httpsPort, '127.0.0.2', resolve));
    ends.push(() => dead.close());
    world.client.setRoutes([
      route({
        hosts: ['two.test'],
        ports: [httpsPort],
        tls: { mode: 2, caPem: world.upstream.caPem, serverName: 'api.test' },
      }),
    ]);
    const { agent } = await world.tlsAgent('two.test', httpsPort);
    expect((await agent.exchange(`GET / HTTP/1.1\r\nHost: two.test:${httpsPort}\r\n\r\n`)).text).toBe('hello');
  });
});

describe('an https:// proxy before the upstream that', () => {
  test.each(Object.entries(FAULTS))('%s in the handshake', async (_, { does, words }) => {
    const proxy = await startRawUpstream((socket) => socket.once('data', () => does(socket)));
    const chained = await startWorld(`https://127.0.0.1:${proxy.port}`, undefined, LIMITS);
    afterwards(() => proxy.close());
    const told = new RegExp(`^the proxy before the upstream ${words}$`);
    await expectTold(chained, chained.upstream.httpsPort, 'upstream-proxy-failed', told);
  });
});
