import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { ResponseListener } from '../../../../../proxy/http/streams.ts';
import { UpstreamConnection } from '../../../../../proxy/io/upstream/upstream-connection.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { outgoingGet } from '../../../../support/protocols/outgoing-request.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx');
const METHODS = ['onResponseHead', 'onResponseBody', 'onResponseEnd', 'onReadDone'] as const;

test.each(METHODS)('a fault of ours in %s ends its exchange, not the process', async (method) => {
  const { connection, listener, reasons } = open();
  listener[method] = () => {
    throw new TypeError('a bug');
  };
  connection.sendHead(outgoingGet(), listener);
  // The last read of an answer ends it; before, each read is followed by its end.
  connection.receive(method === 'onReadDone' ? ANSWER.subarray(0, 30) : ANSWER);
  await turnEnd();
  expect(reasons).toEqual(['internal-error']);
  expect(connection.usable).toBe(false);
});

test('the end of the connection in the turn of an answer keeps the next request off it', () => {
  const kept: UpstreamConnection[] = [];
  const { socket, connection, listener, told } = open((ended) => kept.push(ended));
  const { onResponseEnd } = listener;
  listener.onResponseEnd = (trailers) => {
    onResponseEnd(trailers);
    connection.release(true);
  };
  connection.sendHead(outgoingGet(), listener);
  connection.receive(ANSWER);
  socket.emit('end');
  expect(told).toEqual(['head', 'body x', 'end']);
  expect(kept).toEqual([]);
});

interface Open {
  readonly socket: Socket;
  readonly connection: UpstreamConnection;
  readonly listener: ResponseListener;
  /** What the listener was told, in order. */
  readonly told: string[];
  readonly reasons: string[];
}

function open(released: (ended: UpstreamConnection) => void = () => {}): Open {
  const owner = { now: () => 0, closed: () => {}, released };
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: false };
  const socket = new Socket();
  const connection = new UpstreamConnection(socket, origin, DEFAULT_LIMITS, owner);
  const reasons: string[] = [];
  const told: string[] = [];
  const listener: ResponseListener = {
    onInformational: () => told.push('informational'),
    onResponseHead: () => told.push('head'),
    onResponseBody: (bytes) => told.push(`body ${bytes.toString()}`),
    onResponseEnd: () => told.push('end'),
    onUpstreamDrain: () => {},
    onReadDone: () => told.push('read'),
    onUpstreamError: ({ reason }) => {
      reasons.push(reason);
      told.push(reason);
    },
  };
  return { socket, connection, listener, told, reasons };
}

test('what was read in one turn is taken in at its end, from a copy', async () => {
  const { connection, listener, told } = open();
  connection.sendHead(outgoingGet(), listener);
  const lent = Buffer.from(ANSWER);
  connection.receive(lent.subarray(0, 10));
  connection.receive(lent.subarray(10));
  lent.fill(0);
  expect(told).toEqual([]);
  await turnEnd();
  expect(told).toEqual(['head', 'body x', 'end']);
});

test("an answer that came ahead of the connection's failure counts", () => {
  const { socket, connection, listener, told } = open();
  connection.sendHead(outgoingGet(), listener);
  connection.receive(ANSWER);
  socket.emit('error', new Error('reset'));
  expect(told).toEqual(['head', 'body x', 'end']);
});

test.each([
  ['nothing of a call that is given up in the turn it began in leaves', false],
  ['what was sent last behind an upgrade leaves before the connection is destroyed', true],
])('%s', async (_, upgraded) => {
  const { socket, connection, listener } = open();
  const written: string[] = [];
  socket.write = (chunk: unknown) => {
    written.push(String(chunk));
    return true;
  };
  connection.sendHead(outgoingGet(), listener);
  if (upgraded) {
    await turnEnd();
    connection.upgrade();
    connection.sendBody(Buffer.from('bye'));
  }
  connection.flush();
  connection.destroy();
  expect(written.join('').slice(-3)).toBe(upgraded ? 'bye' : '');
});

test('what an upgraded upstream sent before its end is given to an agent that was slow', async () => {
  const { socket, connection, listener, told } = open();
  listener.onResponseHead = () => connection.upgrade();
  listener.onReadDone = () => {};
  listener.onResponseBody = (bytes) => {
    told.push(bytes.toString());
    connection.pause();
  };
  connection.sendHead(outgoingGet(), listener);
  connection.receive(
    Buffer.from('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
  );
  // A TLS socket hands on all records of what it read, paused or not, and then the end.
  for (const record of ['first ', 'second ', 'third ']) {
    connection.receive(Buffer.from(record));
    await turnEnd();
  }
  expect(told).toEqual(['first ']);
  socket.emit('end');
  expect(told).toEqual(['first ', 'second third ', 'end']);
  connection.destroy();
});

test.each([
  ['short of', 'ab', /less/],
  ['beyond', 'abcd', /more/],
])('content %s what its head says is a fault of ours', (_, content, message) => {
  const { connection, listener } = open();
  const headers = HeaderList.from([['Content-Length', '3']]);
  connection.sendHead({ ...outgoingGet(), method: 'PUT', headers, length: 'declared' }, listener);
  expect(() => {
    for (const byte of content) connection.sendBody(Buffer.from(byte));
    connection.sendEnd(undefined);
  }).toThrow(message);
  connection.destroy();
});

test('content as long as its head says leaves the connection to the next request', async () => {
  const kept: UpstreamConnection[] = [];
  const { connection, listener } = open((ended) => kept.push(ended));
  listener.onResponseEnd = () => connection.release(true);
  for (const content of ['{1}', '', '{123}']) {
    const headers = HeaderList.from([['Content-Length', String(content.length)]]);
    connection.sendHead({ ...outgoingGet(), method: 'PUT', headers, length: 'declared' }, listener);
    for (const byte of content) connection.sendBody(Buffer.from(byte));
    connection.sendEnd(undefined);
    connection.receive(ANSWER);
    await turnEnd();
  }
  expect(kept).toHaveLength(3);
});

test.each([
  ['content', 'PUT', '3'],
  ['a message of a WebSocket', 'GET', undefined],
])("%s for an upstream that is gone is nobody's, and no fault", async (_, method, length) => {
  const { socket, connection, listener, reasons } = open();
  const headers = HeaderList.from(length === undefined ? [] : [['Content-Length', length]]);
  connection.sendHead(
    { ...outgoingGet(), method, headers, length: length === undefined ? 'none' : 'declared' },
    listener,
  );
  if (length === undefined) connection.upgrade();
  socket.emit('close');
  connection.sendBody(Buffer.from('abcdef'));
  connection.sendEnd(undefined);
  expect(reasons).toEqual(length === undefined ? [] : ['upstream-closed']);
});
