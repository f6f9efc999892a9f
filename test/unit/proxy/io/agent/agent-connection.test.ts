import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { RouteTable } from '../../../../../proxy/http/request/route-table.ts';
import type { LiveExchange, ProxyServices } from '../../../../../proxy/http/services.ts';
import { AgentConnection } from '../../../../../proxy/io/agent/agent-connection.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { turnEnd } from '../../../../support/turn-end.ts';
import { until } from '../../../../support/until.ts';

test('a connection that waits for its next request holds nothing of the last one', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heads: WeakRef<object>[] = [];
  let answer = '';
  const socket = new Duplex({
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      answer += bytes.toString('latin1');
      done();
    },
  });
  const services = {
    limits: DEFAULT_LIMITS,
    clock: { now: () => 0 },
    monotonicMs: () => 0,
    state: { draining: false, ready: true },
    live: {
      add: (exchange: LiveExchange & { head: object }) => void heads.push(new WeakRef(exchange.head)),
      delete: () => true,
    },
    held: new ByteBudget(0),
    via: 'test',
    unrouted: 'deny',
    routes: new RouteTable(),
    client: { hasRoomBeside: () => true },
    ended: () => {},
  } as unknown as ProxyServices;
  const connection = new AgentConnection(services, socket, { kind: 'explicit' });
  socket.push('GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await until('it is answered', () => answer.includes('\r\n\r\n'));
  await turnEnd();
  collect();
  expect(heads.map((head) => head.deref())).toEqual([undefined]);
  expect(answer).toContain('HTTP/1.1 403');
  // It is still there for another.
  expect([connection.idle, socket.destroyed]).toEqual([true, false]);
});
