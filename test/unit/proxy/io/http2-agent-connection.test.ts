import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import type { ProxyServices } from '../../../../proxy/http/services.ts';
import { Http2AgentConnection } from '../../../../proxy/io/http2-agent-connection.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';
import { until } from '../../../support/until.ts';

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
