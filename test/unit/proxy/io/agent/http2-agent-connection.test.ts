import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { Roster } from '../../../../../common/roster.ts';
import { RouteTable } from '../../../../../proxy/http/request/route-table.ts';
import type { ProxyServices } from '../../../../../proxy/http/services.ts';
import { Http2AgentConnection } from '../../../../../proxy/io/agent/http2-agent-connection.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { CLIENT_START, END_STREAM, GET, headers, type Pairs } from '../../../../support/protocols/http2-frames.ts';
import { turnEnd } from '../../../../support/turn-end.ts';
import { until } from '../../../../support/until.ts';

test('an agent has as long to read the last of what it is told as it has to read any answer', async () => {
  let takeOne = (): void => {};
  const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => (takeOne = done) });
  const state = { draining: false, ready: true };
  const services = { limits: DEFAULT_LIMITS, monotonicMs: () => 1_000, state } as unknown as ProxyServices;
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
    monotonicMs: () => 0,
    state: { draining: false, ready: true },
    ended: (_call: unknown, _outcome: unknown, reason: string) => reasons.push(reason),
  } as unknown as ProxyServices;
  new Http2AgentConnection(services, socket, { kind: 'explicit' });
  socket.push(Buffer.concat([CLIENT_START, headers(1, GET, END_STREAM), headers(3, [[':path', '/']], END_STREAM)]));
  await until('both are recorded', () => reasons.length === 2);
  expect(reasons).toEqual(['overloaded', 'bad-request']);
  socket.destroy();
});

test('an agent that reads no answers gets no further ones, whatever windows it gives', async () => {
  let takeOne = (): void => {};
  const socket = new Duplex({
    highWaterMark: 16_384,
    read: () => {},
    write: (_bytes, _encoding, done) => (takeOne = done),
  });
  let refused = 0;
  const services = {
    limits: { ...DEFAULT_LIMITS, highWaterBytes: 4_096 },
    monotonicMs: () => 0,
    state: { draining: false, ready: false },
    live: new Roster(),
    held: new ByteBudget(0),
    via: 'test',
    routes: new RouteTable(),
    client: { session: () => undefined },
    ended: () => (refused += 1),
  } as unknown as ProxyServices;
  const transport = { kind: 'tunnel', host: 'a.example', port: 443, tls: true } as const;
  new Http2AgentConnection(services, socket, transport);
  const head: Pairs = [[':method', 'HEAD'], ...GET.slice(1)];
  const requests = Array.from({ length: 2_000 }, (_, at) => headers(2 * at + 1, head, END_STREAM));
  socket.push(Buffer.concat([CLIENT_START, ...requests]));
  let before = -1;
  while (before < refused) {
    before = refused;
    await turnEnd();
  }
  expect(refused).toBeGreaterThan(100);
  expect(refused).toBeLessThan(1_900);
  // It reads, and all are answered.
  for (let turn = 0; turn < 100_000 && refused < 2_000; turn += 1) {
    takeOne();
    await turnEnd();
  }
  expect(refused).toBe(2_000);
  socket.destroy();
}, 120_000);
