import type { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../../../../proxy/protocols/http2/frames.ts';
import { ErrorCode } from '../../../../../proxy/protocols/http2/http2-error.ts';
import { DEAF, outgoingGet } from '../../../../support/protocols/outgoing-request.ts';
import {
  data,
  END_STREAM,
  frame,
  headers,
  PING,
  reset,
  settings,
  uint32,
} from '../../../../support/protocols/http2-frames.ts';
import { connectHttp2 } from '../../../../support/upstreams/http2-without-socket.ts';

const MAX_CONCURRENT = 3;
const EXTENDED_CONNECT = 8;
const goaway = (last: number, code: number): Buffer => frame(FrameType.GOAWAY, 0, 0, uint32(last, code));
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('a connection that is lost', () => {
  const LOSSES = {
    'the upstream ends it': (socket: PassThrough) => socket.emit('end'),
    'it closes': (socket: PassThrough) => socket.emit('close'),
    'it breaks': (socket: PassThrough) => socket.emit('error', new Error('ECONNRESET')),
  };

  test.each(Object.entries(LOSSES))(
    'may have been so before a call that has no effect, if it has served: %s',
    (_, lose) => {
      const { socket, told, ask, serve, upstream } = connectHttp2();
      serve();
      ask();
      ask({ method: 'PUT' });
      ask({ method: 'HEAD' });
      upstream.receive(headers(7, [[':status', '200']]));
      lose(socket);
      lose(socket);
      expect(told).toEqual([
        'HEAD 200',
        'closed',
        'GET upstream-closed perhaps-not',
        'PUT upstream-closed unknown',
        'HEAD upstream-closed perhaps-not answered',
      ]);
      expect([upstream.usable, upstream.busy]).toEqual([false, false]);
    },
  );

  test.each(Object.entries(LOSSES))('leaves open what it did, if it never served: %s', (_, lose) => {
    const { socket, told, ask } = connectHttp2();
    ask();
    lose(socket);
    expect(told).toEqual(['closed', 'GET upstream-closed unknown']);
  });

  test('by us was in use all the while', () => {
    const { told, ask, serve, upstream } = connectHttp2();
    serve();
    ask();
    upstream.destroy();
    expect(told).toEqual(['closed', 'GET upstream-closed unknown']);
  });

  test('ends another protocol as the upstream would', () => {
    const { told, ask, upstream } = connectHttp2({ greeting: settings([EXTENDED_CONNECT, 1]) });
    const stream = ask({ webSocketKey: 'unused' });
    upstream.receive(headers(1, [[':status', '200']]));
    stream.upgrade();
    upstream.destroy();
    expect(told).toEqual(['GET 200', 'closed', 'GET end']);
  });
});

describe('a connection without calls', () => {
  test('is kept for the next, and goes when it is not wanted any more', async () => {
    const { told, serve, upstream } = connectHttp2();
    serve();
    await turn();
    expect([told, upstream.usable, upstream.busy]).toEqual([[], true, false]);
    upstream.retire();
    expect(told).toEqual(['closed']);
  });

  test('is none while a call is promised, whatever else was given back twice', () => {
    const { upstream } = connectHttp2();
    const [one, other] = [upstream.stream(), upstream.stream()];
    for (let time = 0; time < 2; time += 1) one.release(false);
    expect(upstream.busy).toBe(true);
    other.release(false);
    expect(upstream.busy).toBe(false);
    upstream.destroy();
  });

  test('keeps the place of a WebSocket whose end the upstream has not answered', async () => {
    const { told, ask, upstream } = connectHttp2({ greeting: settings([EXTENDED_CONNECT, 1], [MAX_CONCURRENT, 1]) });
    const stream = ask({ webSocketKey: 'unused' });
    upstream.receive(headers(1, [[':status', '200']]));
    stream.upgrade();
    stream.sendEnd(undefined);
    stream.release(false);
    await turn();
    expect([told, upstream.busy, upstream.usable]).toEqual([['GET 200'], false, false]);
    upstream.receive(data(1, '', END_STREAM));
    expect(upstream.usable).toBe(true);
    upstream.destroy();
  });
});

test('a WebSocket that is given up before its end is reset', async () => {
  const { ask, upstream, written } = connectHttp2({ greeting: settings([EXTENDED_CONNECT, 1]) });
  const stream = ask({ webSocketKey: 'unused' });
  upstream.receive(headers(1, [[':status', '200']]));
  stream.upgrade();
  stream.release(false);
  await turn();
  expect(written()).toContain('RST_STREAM 1 CANCEL');
  upstream.destroy();
});

test('a call that finds no place any more is told that it was never seen, and the connection goes', async () => {
  const { told, upstream } = connectHttp2();
  const stream = upstream.stream();
  upstream.receive(settings([MAX_CONCURRENT, 0]));
  const onUpstreamError = (_: unknown, { processed }: { processed: string }) => told.push(processed);
  stream.sendHead(outgoingGet(), { ...DEAF, onUpstreamError });
  expect(told).toEqual([]);
  await turn();
  expect(told).toEqual(['never', 'closed']);
});

test('the end of a request that had none to wait for is said once', () => {
  const { ask, upstream } = connectHttp2();
  const stream = ask();
  expect(() => stream.sendEnd(undefined)).not.toThrow();
  upstream.destroy();
});

describe('a stream that the upstream resets', () => {
  test.each([
    ['REFUSED_STREAM', 'never'],
    ['CANCEL', 'unknown'],
    ['NO_ERROR', 'unknown'],
  ] as const)('with %s was processed: %s', (code, processed) => {
    const { told, ask, upstream } = connectHttp2();
    ask({ method: 'POST' });
    ask({ method: 'PUT' });
    upstream.receive(reset(1, ErrorCode[code]));
    expect(told).toEqual([`POST upstream-closed ${processed}`]);
    upstream.destroy();
  });

  test('by its answer, which breaks HTTP/2, has failed alone', () => {
    const { told, ask, upstream } = connectHttp2();
    ask({ method: 'POST' });
    ask();
    upstream.receive(headers(1, [[':status', 'ok']]));
    upstream.receive(headers(3, [[':status', '204']], END_STREAM));
    expect(told).toEqual(['POST upstream-malformed unknown', 'GET 204', 'GET end']);
    expect(upstream.usable).toBe(true);
    upstream.destroy();
  });
});

describe('GOAWAY', () => {
  test.each([
    ['NO_ERROR', false],
    ['ENHANCE_YOUR_CALM', true],
  ] as const)(
    'of %s: no more calls, those it took are answered; that it was too much: %s',
    async (code, wasTooMuch) => {
      const { told, ask, upstream, socket } = connectHttp2();
      const first = ask();
      ask({ method: 'POST' });
      upstream.receive(goaway(1, ErrorCode[code]));
      expect([upstream.usable, upstream.wasTooMuch]).toEqual([false, wasTooMuch]);
      expect(told).toEqual(['POST upstream-closed never']);
      upstream.receive(headers(1, [[':status', '204']], END_STREAM));
      first.release(true);
      expect(socket.destroyed).toBe(false);
      await turn();
      expect(told).toEqual(['POST upstream-closed never', 'GET 204', 'GET end', 'closed']);
      expect(socket.destroyed).toBe(true);
    },
  );

  test('on an idle connection closes it at once', () => {
    const { told, upstream } = connectHttp2();
    upstream.receive(goaway(0, ErrorCode.NO_ERROR));
    expect(told).toEqual(['closed']);
  });
});

test('where an upstream was asked too much before, two calls are given up and no third', () => {
  const { upstream, ask, written } = connectHttp2({ calmly: true });
  const streams = [ask(), ask(), ask(), ask()];
  const usable = streams.map((stream) => {
    stream.release(false);
    return upstream.usable;
  });
  expect(usable).toEqual([true, false, false, false]);
  upstream.receive(PING);
  expect(written().filter((words) => words.startsWith('RST_STREAM'))).toEqual([
    'RST_STREAM 1 CANCEL',
    'RST_STREAM 3 CANCEL',
  ]);
  upstream.destroy();
});

describe('an upstream that breaks HTTP/2', () => {
  test('is told why, and ends its calls', async () => {
    const { upstream, told, ask, written, socket } = connectHttp2();
    ask();
    await turn();
    written();
    upstream.receive(data(0, 'x'));
    expect(told).toEqual(['closed', 'GET upstream-malformed unknown']);
    expect(written()).toEqual(['GOAWAY 0 PROTOCOL_ERROR']);
    // The words would be lost with a socket that is destroyed at once.
    expect([socket.destroyed, socket.writableEnded]).toEqual([false, true]);
    upstream.receive(PING);
    expect(written()).toEqual([]);
  });

  test('by a flood of pings within a second', () => {
    // Long after it was opened: what it was allowed since was given for the seconds that went by, once each.
    let now = 60_000;
    const { upstream, told, ask } = connectHttp2({ now: () => now });
    ask();
    for (let count = 0; count < 2_000 && told.length === 0; count += 1) {
      now += 0.4;
      upstream.receive(PING);
    }
    expect(told).toEqual(['closed', 'GET upstream-malformed unknown']);
  });
});
