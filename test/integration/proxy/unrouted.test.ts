import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Revocation, RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { secureRaw } from '../../support/agents/raw-agent.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
afterEach(() => world.close());

const SESSION_REVOKED: Revocation = {
  id: 'r',
  target: RevocationTarget.REVOCATION_TARGET_SESSION,
  name: 'session-1',
  at: new Date(),
  lifted: false,
};

interface Ends {
  readonly agent: Socket;
  readonly upstream: Socket | undefined;
}
const withReason = (code: Reason) => ({ reason: REASONS[code].number });

test('tunnel: bytes pass untouched to the upstream, whose own certificate the agent sees', async () => {
  world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
  const at = `other.test:${world.upstream.httpsPort}`;
  const plain = await world.agent();
  await plain.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
  const { agent } = await secureRaw(plain.socket, { ca: world.upstream.caPem, servername: 'other.test' });
  const answer = await agent.exchange(`GET /own HTTP/1.1\r\nHost: ${at}\r\nAuthorization: Bearer own\r\n\r\n`);
  expect(answer.text).toBe('hello');
  expect(world.upstream.seen[0]?.headers.authorization).toBe('Bearer own');
  agent.destroy();
  await until('the tunnel was recorded', () => world.client.records.length > 0);
  expect(world.client.records[0]).toMatchObject({
    method: 'CONNECT',
    outcome: 1,
    destination: { host: 'other.test' },
  });
});

test.each([
  [
    'its host gets a route',
    'no-policy',
    (w: ProxyWorld) => w.client.setRoutes([route({ hosts: ['other.test'], ports: [w.upstream.httpsPort] })]),
  ],
  ['the session is revoked', 'session-revoked', (w: ProxyWorld) => w.client.revoke(SESSION_REVOKED)],
] as const)('tunnel: an open one is cut when %s', async (_when, code, act) => {
  world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
  const at = `other.test:${world.upstream.httpsPort}`;
  const plain = await world.agent();
  await plain.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
  const { agent } = await secureRaw(plain.socket, { ca: world.upstream.caPem, servername: 'other.test' });
  await agent.exchange(`GET /own HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect(world.client.records).toEqual([]);
  act(world);
  await until('the tunnel was cut', () => world.client.records.length > 0);
  await until('the agent notices', () => agent.socket.destroyed || agent.socket.readableEnded);
  expect(world.client.records[0]).toMatchObject({ method: 'CONNECT', outcome: 3, ...withReason(code) });
});

const connect = async (host: string, port: number) => {
  const agent = await world.agent();
  const answer = await agent.exchange(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`, 'CONNECT');
  return answer.status === 200 ? 'ok' : JSON.parse(answer.text).code;
};

test('tunnel: none is opened in a revoked session', async () => {
  world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
  world.client.revokedFor = 'tenant-revoked';
  expect(await connect('other.test', world.upstream.httpsPort)).toBe('tenant-revoked');
  world.client.revokedFor = undefined;
  expect(await connect('other.test', world.upstream.httpsPort)).toBe('ok');
  expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 2 }]);
});

test.each([
  ['a revocation', 'session-revoked', (w: ProxyWorld) => w.client.revoke(SESSION_REVOKED)],
  [
    'a route to its host',
    'no-policy',
    (w: ProxyWorld) => w.client.setRoutes([route({ hosts: ['other.test'], ports: [w.upstream.httpsPort] })]),
  ],
])('tunnel: %s ends one that is being opened', async (_what, reason, act) => {
  world = await startProxyWorld({
    config: { unrouted: 'tunnel' },
    allowLoopback: true,
    lookup: () => {
      act(world);
      return ['127.0.0.1'];
    },
  });
  expect(await connect('other.test', world.upstream.httpsPort)).toBe(reason);
  expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 3 }]);
});

test('tunnel: what the agent says at once and while the host is dialled arrives whole, however much it is', async () => {
  let sent = '';
  const say = (text: string): void => {
    sent += text;
    plain.socket.write(text);
  };
  world = await startProxyWorld({
    config: { unrouted: 'tunnel' },
    allowLoopback: true,
    lookup: () => {
      say('more'.repeat(5_000));
      return ['127.0.0.1'];
    },
  });
  let received = '';
  const upstream = await startRawUpstream((socket) => socket.on('data', (bytes) => (received += bytes.toString())));
  const plain = await world.agent();
  const at = `other.test:${upstream.port}`;
  plain.socket.write(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n${'first'.repeat(5_000)}`);
  sent += 'first'.repeat(5_000);
  await until('all has arrived', () => received.length >= sent.length && sent.length === 45_000);
  expect(received).toBe(sent);
  plain.destroy();
  await upstream.close();
});

test('tunnel: one that stands still is closed', async () => {
  const limits = { bodyIdleTimeoutMs: 200 };
  world = await startProxyWorld({ config: { unrouted: 'tunnel', limits }, allowLoopback: true });
  const still = await startRawUpstream(() => {});
  const agent = await world.agent();
  const at = `other.test:${still.port}`;
  await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
  await agent.closed();
  await until('it is recorded', () => world.client.records.length > 0);
  expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 3, ...withReason('upstream-timeout') }]);
  await still.close();
});

test.each([
  ['the agent', 'agent-closed', (ends: Ends) => ends.agent.resetAndDestroy()],
  ['the upstream', 'upstream-closed', (ends: Ends) => ends.upstream?.resetAndDestroy()],
] as const)('tunnel: one that %s breaks is recorded as %s', async (_who, code, act) => {
  world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
  let upstream: Socket | undefined;
  const raw = await startRawUpstream((socket) => (upstream = socket).write('stands'));
  const agent = await world.agent();
  const at = `other.test:${raw.port}`;
  agent.send(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  await agent.until((text) => text.endsWith('stands'));
  act({ agent: agent.socket, upstream });
  await until('it is recorded', () => world.client.records.length > 0);
  expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 3, ...withReason(code) }]);
  await raw.close();
});

test('tunnel: an upstream that is not there is a failure, not a denial', async () => {
  world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
  expect(await connect('other.test', 1)).toBe('connect-failed');
  expect(await connect('nowhere.test', 443)).toBe('dns-failed');
  expect(world.client.records.map(({ outcome }) => outcome)).toEqual([3, 3]);
});

test('tunnel: refused addresses stay refused', async () => {
  world = await startProxyWorld({ config: { unrouted: 'tunnel' } });
  const at = `other.test:${world.upstream.httpsPort}`;
  const agent = await world.agent();
  const answer = await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
  expect(JSON.parse(answer.text).code).toBe('address-refused');
});

test('observe: calls pass without a credential and are recorded one by one', async () => {
  world = await startProxyWorld({ config: { unrouted: 'observe' }, allowLoopback: true });
  const { agent } = await world.tlsAgent('other.test');
  const head = `Host: other.test:${world.upstream.httpsPort}\r\nAuthorization: Bearer own\r\nX-Forwarded-User: root\r\n\r\n`;
  expect((await agent.exchange(`GET /seen HTTP/1.1\r\n${head}`)).text).toBe('hello');
  expect(world.upstream.seen[0]?.headers.authorization).toBe('Bearer own');
  expect(world.upstream.seen[0]?.headers['x-forwarded-user']).toBeUndefined();
  expect(world.client.records[0]).toMatchObject({ path: '/seen', outcome: 1, serverWorkload: '' });
});

// `npm` asks for `@scope%2fname`, and no policy reads the paths of a host that has none.
test.each([
  ['deny', 403, []],
  ['observe', 200, ['/@scope%2Fname']],
] as const)('%s: an ambiguous path is no reason of its own', async (unrouted, status, seen) => {
  world = await startProxyWorld({ config: { unrouted }, allowLoopback: true });
  const at = `other.test:${world.upstream.httpPort}`;
  const agent = await world.agent();
  const answer = await agent.exchange(`GET http://${at}/@scope%2fname HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect(answer.status).toBe(status);
  if (status === 403) expect(JSON.parse(answer.text).code).toBe('no-route');
  expect(world.upstream.seen.map(({ target }) => target)).toEqual(seen);
  expect(world.client.records[0]).toMatchObject({ path: '/@scope%2Fname' });
});
