import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import type { DialTarget } from '../../../../../proxy/http/request/dial-target.ts';
import type { UpstreamStream } from '../../../../../proxy/http/streams.ts';
import { TrustedContexts } from '../../../../../proxy/io/upstream/dial.ts';
import { UpstreamConnection } from '../../../../../proxy/io/upstream/upstream-connection.ts';
import { UpstreamPool } from '../../../../../proxy/io/upstream/upstream-pool.ts';
import { DEFAULT_LIMITS, type ProxyLimits } from '../../../../../proxy/limits.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { DEAF, outgoingGet } from '../../../../support/protocols/outgoing-request.ts';
import { makeTlsIdentity } from '../../../../support/tls-identity.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface World {
  readonly pool: UpstreamPool;
  readonly clock: ManualClock;
  readonly target: DialTarget;
  /** Connections that the server took. */
  readonly dialled: () => number;
  /** Whether addresses are found. */
  readonly dns: { works: boolean };
}

async function world(limits: Partial<ProxyLimits> = {}, server: Server = http.createServer(answer)): Promise<World> {
  let dialled = 0;
  server.on('connection', () => (dialled += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dns = { works: true };
  const resolve = () =>
    dns.works
      ? Promise.resolve([{ address: '127.0.0.1', family: 4 }])
      : Promise.reject(new Refusal('dns-failed', 'no such host'));
  const clock = new ManualClock();
  const all = { ...DEFAULT_LIMITS, ...limits };
  const pool = new UpstreamPool({ resolve }, new TrustedContexts(''), all, () => clock.now(), new ByteBudget(1e6));
  closers.push(() => {
    pool.destroy();
    server.close();
  });
  const target: DialTarget = {
    key: 'api',
    host: 'api.test',
    port: (server.address() as AddressInfo).port,
    tls: false,
    versions: ['http/1.1'],
    serverName: undefined,
    caPem: '',
    allowedAddresses: [],
  };
  return { pool, clock, target, dialled: () => dialled, dns };
}

function answer(_request: unknown, response: http.ServerResponse): void {
  response.end('x');
}

/** One whole exchange. */
const exchange = (stream: UpstreamStream): Promise<void> =>
  new Promise((done, failed) => {
    const onResponseEnd = (): void => {
      stream.release(true);
      done();
    };
    stream.sendHead(outgoingGet(), { ...DEAF, onResponseEnd, onUpstreamError: failed });
    stream.sendEnd(undefined);
    stream.flush();
  });

const reasonOf = (opening: Promise<unknown>): Promise<unknown> =>
  opening.then(
    () => 'open',
    ({ reason }: Refusal) => reason,
  );

test('a connection serves one exchange after the other, and no other destination', async () => {
  const { pool, target, dialled } = await world();
  expect(pool.take(target)).toBeUndefined();
  const stream = await pool.open(target);
  expect(pool.take(target)).toBeUndefined();
  await exchange(stream);
  expect(pool.take({ ...target, key: 'other' })).toBeUndefined();
  expect(pool.take(target, 'web-socket')).toBe(stream);
  await exchange(stream);
  expect([pool.take(target), pool.size, dialled()]).toEqual([stream, 1, 1]);
});

test('so many connections to a host, those under way and none that failed', async () => {
  const { pool, target, dns } = await world({ maxConnectionsPerHost: 2 });
  dns.works = false;
  for (let time = 0; time < 3; time += 1) expect(await reasonOf(pool.open(target))).toBe('dns-failed');
  dns.works = true;
  const opening = [1, 2, 3].map(() => reasonOf(pool.open(target)));
  expect(await Promise.all(opening)).toEqual(['open', 'open', 'overloaded']);
  expect(await reasonOf(pool.open({ ...target, key: 'other' }))).toBe('open');
  pool.destroy();
  await expect.poll(() => pool.size).toBe(0);
  expect(await reasonOf(pool.open(target))).toBe('open');
});

test('so many bare connections to a host, until they are closed', async () => {
  const { pool, target, dns } = await world({ maxConnectionsPerHost: 2 });
  dns.works = false;
  for (let time = 0; time < 3; time += 1) expect(await reasonOf(pool.openRaw(target))).toBe('dns-failed');
  dns.works = true;
  const [first, second] = [await pool.openRaw(target), await pool.openRaw(target)];
  closers.push(() => second.socket.destroy());
  expect(await reasonOf(pool.openRaw(target))).toBe('overloaded');
  first.socket.destroy();
  await once(first.socket, 'close');
  const third = await pool.openRaw(target);
  closers.push(() => third.socket.destroy());
  expect(await reasonOf(pool.openRaw(target))).toBe('overloaded');
});

test('so many are kept', async () => {
  const { pool, target } = await world({ maxIdlePerHost: 1 });
  const streams = [await pool.open(target), await pool.open(target)];
  for (const stream of streams) await exchange(stream);
  await expect.poll(() => pool.size).toBe(1);
  expect([pool.take(target), pool.take(target)]).toEqual([streams[0], undefined]);
});

test('nobody gets an old one, and a sweep closes those that nobody uses', async () => {
  const { pool, target, clock } = await world({ upstreamIdleTimeoutMs: 100, upstreamMaxAgeMs: 1_000 });
  const [idle, busy] = [await pool.open(target), await pool.open(target)];
  await exchange(idle);
  clock.advance(100);
  pool.sweep(clock.now());
  expect(pool.size).toBe(2);
  clock.advance(1);
  pool.sweep(clock.now());
  // Neither carries an exchange.
  await expect.poll(() => pool.size).toBe(0);
  const [third, fourth] = [await pool.open(target), await pool.open(target)];
  expect(third === busy).toBe(false);
  await exchange(third);
  clock.advance(999);
  expect(pool.take(target)).toBe(third);
  await exchange(third);
  fourth.sendHead(outgoingGet(), DEAF);
  clock.advance(1);
  pool.sweep(clock.now());
  // What is busy goes with its exchange.
  await expect.poll(() => pool.size).toBe(1);
  expect(pool.take(target)).toBeUndefined();
});

test('what is idle is closed when routes change, what is busy with its exchange', async () => {
  const { pool, target } = await world();
  const [idle, busy] = [await pool.open(target), await pool.open(target)];
  await exchange(idle);
  const over = exchange(busy);
  pool.closeIdle();
  await expect.poll(() => pool.size).toBe(1);
  await over;
  await expect.poll(() => pool.size).toBe(0);
});

test.each([
  [true, 'open', 1],
  [false, 'upgrade-refused', 1],
])('many dial an HTTP/2 server once; with extended CONNECT %s a WebSocket is %s', async (takes, reason, dials) => {
  const server = http2.createServer({ settings: { enableConnectProtocol: takes } });
  const { pool, target, dialled } = await world({}, server);
  const h2: DialTarget = { ...target, versions: ['h2'] };
  const streams = await Promise.all([1, 2, 3, 4].map(() => pool.open(h2)));
  expect([new Set(streams).size, pool.size, dialled()]).toEqual([4, 1, 1]);
  expect(pool.take(h2)).toBeDefined();
  expect(pool.take(h2, 'web-socket') === undefined).toBe(!takes);
  const fresh = await world({}, http2.createServer({ settings: { enableConnectProtocol: takes } }));
  expect(await reasonOf(fresh.pool.open({ ...fresh.target, versions: ['h2'] }, 'web-socket'))).toBe(reason);
  expect(fresh.dialled()).toBe(dials);
});

test('a cold burst fails as its first dial does, each by itself', async () => {
  const { pool, target, dns } = await world();
  dns.works = false;
  const h2: DialTarget = { ...target, versions: ['h2'] };
  const opening = [1, 2, 3].map(() => reasonOf(pool.open(h2)));
  expect(await Promise.all(opening)).toEqual(Array.from(opening, () => 'dns-failed'));
  expect(pool.size).toBe(0);
});

test('a WebSocket has a connection of HTTP/1.1', async () => {
  const { pool, target } = await world();
  const stream = await pool.open(target, 'web-socket');
  await exchange(stream);
  expect(pool.take(target)).toBeDefined();
});

test('where a connection of HTTP/2 carries one exchange, each of a burst has its own', async () => {
  const server = http2.createServer({ settings: { maxConcurrentStreams: 1 } });
  const { pool, target, dialled } = await world({}, server);
  const streams = await Promise.all([1, 2, 3].map(() => pool.open({ ...target, versions: ['h2'] })));
  expect([new Set(streams).size, streams.includes(undefined as never), dialled()]).toEqual([3, false, 3]);
});

const identity = makeTlsIdentity(['api.test']);
const overTls = (target: DialTarget): DialTarget => ({
  ...target,
  tls: true,
  versions: ['h2', 'http/1.1'],
  caPem: identity.caPem,
});

test('a WebSocket has HTTP/1.1 where HTTP/2 takes none, which is remembered, and keeps nothing else open', async () => {
  const server = http2.createSecureServer({ ...identity, allowHTTP1: true }, answer as never);
  const { pool, target, dialled, clock } = await world({ upstreamIdleTimeoutMs: 100 }, server);
  for (const dials of [2, 3]) {
    const stream = await pool.open(overTls(target), 'web-socket');
    expect([stream instanceof UpstreamConnection, dialled()]).toEqual([true, dials]);
    await exchange(stream);
  }
  clock.advance(101);
  pool.sweep(clock.now());
  await expect.poll(() => pool.size).toBe(0);
});

test('a burst to a server of HTTP/1.1 has a connection each, and so has the next one at once', async () => {
  const { pool, target, dialled } = await world({}, https.createServer(identity, answer));
  for (const dials of [3, 6]) {
    const streams = await Promise.all([1, 2, 3].map(() => pool.open(overTls(target))));
    expect([new Set(streams).size, dialled()]).toEqual([3, dials]);
  }
});
