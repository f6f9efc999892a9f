import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../common/byte-budget.ts';
import { Roster } from '../../../../common/roster.ts';
import type { LiveExchange, ProxyServices } from '../../../../proxy/http/services.ts';
import { Http2AgentConnection } from '../../../../proxy/io/http2-agent-connection.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';
import { CLIENT_START, END_STREAM, GET, headers, settings, windowUpdate } from '../../../support/http2-frames.ts';
import { until } from '../../../support/until.ts';

/** Refused before any route is looked for. */
const NOWHERE: [string, string][] = [
  [':method', 'TRACE'],
  [':scheme', 'https'],
  [':authority', 'a.example'],
  [':path', '/'],
];

test('an agent has as long to read the last of what it is told as it has to read any answer', async () => {
  let takeOne = (): void => {};
  const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => (takeOne = done) });
  const state = { draining: false, ready: true };
  const services = { limits: DEFAULT_LIMITS, clock: { now: () => 1_000 }, state } as unknown as ProxyServices;
  const connection = new Http2AgentConnection(services, socket, { kind: 'explicit' });
  connection.drain();
  expect(connection.deadlineAt).toBe(1_000 + DEFAULT_LIMITS.bodyIdleTimeoutMs);
  await until('all is written', () => {
    takeOne();
    return socket.writableFinished;
  });
  // Then it is given a moment to end its own side.
  expect(connection.deadlineAt).toBe(3_000);
  socket.destroy();
});

test('a stream beyond the limit is recorded as what it is', async () => {
  const reasons: string[] = [];
  const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => done() });
  const limits = { ...DEFAULT_LIMITS, http2: { ...DEFAULT_LIMITS.http2, maxConcurrentStreams: 0 } };
  const services = {
    limits,
    clock: { now: () => 0 },
    state: { draining: false, ready: true },
    ended: (_call: unknown, _outcome: unknown, reason: string) => reasons.push(reason),
  } as unknown as ProxyServices;
  new Http2AgentConnection(services, socket, { kind: 'explicit' });
  socket.push(Buffer.concat([CLIENT_START, headers(1, GET, END_STREAM), headers(3, [[':path', '/']], END_STREAM)]));
  await until('both are recorded', () => reasons.length === 2);
  expect(reasons).toEqual(['overloaded', 'bad-request']);
  socket.destroy();
});

test('an agent that reads no answers is not read on, however many it asked for', async () => {
  const taken: (() => void)[] = [];
  let isReading = false;
  const write = (_bytes: unknown, _encoding: unknown, done: () => void): void => {
    if (isReading) done();
    else taken.push(done);
  };
  const socket = new Duplex({ read: () => {}, write });
  let answered = 0;
  const services = {
    limits: DEFAULT_LIMITS,
    clock: { now: () => 0 },
    state: { draining: false, ready: true },
    held: new ByteBudget(1_000_000),
    live: new Roster<LiveExchange>(),
    ended: () => (answered += 1),
  } as unknown as ProxyServices;
  new Http2AgentConnection(services, socket, { kind: 'explicit' });
  const total = 20_000;
  const updates = windowUpdate(0, 2 ** 30);
  socket.push(Buffer.concat([CLIENT_START, settings([4, 2 ** 30]), updates]));
  for (let first = 0; first < total; first += 100) {
    const some = Array.from({ length: 100 }, (_, at) => headers(2 * (first + at) + 1, NOWHERE, END_STREAM));
    socket.push(Buffer.concat(some));
  }
  for (let before = -1; answered === 0 || answered !== before; ) {
    before = answered;
    await new Promise((next) => setTimeout(next, 100));
  }
  expect(answered).toBeLessThan(total / 2);
  isReading = true;
  for (const done of taken.splice(0)) done();
  await until('all is answered', () => answered === total);
  socket.destroy();
});
