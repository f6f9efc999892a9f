import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { LiveExchange, ProxyServices } from '../../../../../proxy/http/services.ts';
import { AgentConnection } from '../../../../../proxy/io/agent/agent-connection.ts';
import { bareServices } from '../../../../support/protocols/bare-services.ts';
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
  const live = {
    add: (exchange: LiveExchange & { head: object }) => void heads.push(new WeakRef(exchange.head)),
    delete: () => true,
  };
  const connection = new AgentConnection(bareServices({ live }), socket, { kind: 'explicit' });
  socket.push('GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await until('it is answered', () => answer.includes('\r\n\r\n'));
  await turnEnd();
  collect();
  expect(heads.map((head) => head.deref())).toEqual([undefined]);
  expect(answer).toContain('HTTP/1.1 403');
  // It is still there for another.
  expect([connection.idle, socket.destroyed]).toEqual([true, false]);
});

test('what nobody foresaw before there is a call is noted for the log', async () => {
  const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => done() });
  const ends: unknown[] = [];
  const equals = (): never => {
    throw new RangeError('a bug');
  };
  const ended: ProxyServices['ended'] = ({ fault }, _outcome, reason) => void ends.push([reason, fault?.name]);
  const services = bareServices({ proxyToken: { equals }, ended });
  new AgentConnection(services, socket, { kind: 'explicit' });
  socket.push('GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: Basic YTpi\r\n\r\n');
  await until('it is over', () => ends.length > 0);
  expect(ends).toEqual([['internal-error', 'RangeError']]);
});
