import { describe, expect, test } from 'vitest';
import { DEAF, outgoingGet } from '../../../../support/protocols/outgoing-request.ts';
import { data, END_STREAM, headers, settings, windowUpdate } from '../../../../support/protocols/http2-frames.ts';
import { connectHttp2 } from '../../../../support/upstreams/http2-without-socket.ts';

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('what is read', () => {
  const ANSWER = headers(1, [[':status', '204']], END_STREAM);

  test.each([1, 9, 12])('is only lent: bytes are kept that end within a frame, after %i of them', (cut) => {
    const { told, ask, upstream } = connectHttp2();
    ask();
    const lent = Buffer.from(ANSWER.subarray(0, cut));
    upstream.receive(lent);
    lent.fill(0xff);
    upstream.receive(Buffer.from(ANSWER.subarray(cut)));
    expect(told).toEqual(['GET 204', 'GET end']);
    upstream.destroy();
  });

  test('gives its room back once the agent has taken it', async () => {
    const { ask, upstream, written } = connectHttp2();
    const stream = ask();
    stream.pause();
    upstream.receive(headers(1, [[':status', '200']]));
    for (let count = 0; count < 3; count += 1) upstream.receive(data(1, Buffer.alloc(16_384)));
    await turn();
    expect(written().filter((words) => words.startsWith('WINDOW_UPDATE 1'))).toEqual([]);
    stream.resume();
    await turn();
    expect(written().some((words) => words.startsWith('WINDOW_UPDATE 1 '))).toBe(true);
    upstream.destroy();
  });

  test('of an answer that waits for the agent does not hide that its end never came', () => {
    const { told, ask, upstream } = connectHttp2();
    ask().pause();
    upstream.receive(Buffer.concat([headers(1, [[':status', '200']]), data(1, 'x')]));
    upstream.destroy();
    expect(told).toEqual(['closed', 'GET upstream-closed unknown']);
  });
});

test('what waited for the agent waits on when the agent is slow again', () => {
  const { upstream } = connectHttp2();
  const told: string[] = [];
  const stream = upstream.stream();
  stream.sendHead(outgoingGet(), {
    ...DEAF,
    onResponseHead: () => {
      told.push('head');
      stream.pause();
    },
    onResponseBody: () => told.push('body'),
    onResponseEnd: () => told.push('end'),
  });
  stream.pause();
  upstream.receive(Buffer.concat([headers(1, [[':status', '200']]), data(1, 'x', END_STREAM)]));
  expect(told).toEqual([]);
  stream.resume();
  expect(told).toEqual(['head']);
  stream.resume();
  expect(told).toEqual(['head', 'body', 'end']);
  upstream.destroy();
});

describe('a body that the upstream takes slowly', () => {
  test('waits for its window', () => {
    const { upstream, ask, told } = connectHttp2({ greeting: settings([4, 5]) });
    const stream = ask({ method: 'POST', length: 'unknown' });
    stream.sendBody(Buffer.alloc(5));
    expect(stream.flush()).toBe(true);
    stream.sendBody(Buffer.alloc(1));
    expect(stream.flush()).toBe(false);
    upstream.receive(windowUpdate(0, 1_000));
    expect(told).toEqual([]);
    upstream.receive(windowUpdate(1, 1_000));
    expect(told).toEqual(['POST drain']);
    expect(stream.flush()).toBe(true);
    upstream.destroy();
  });

  test('waits for the socket, and so do those beside it, but for those whose own window is shut', () => {
    const { upstream, socket, ask, told, written } = connectHttp2({ greeting: settings([4, 5]) });
    const open = ask({ method: 'PUT', length: 'unknown' });
    const shut = ask({ method: 'POST', length: 'unknown' });
    shut.sendBody(Buffer.alloc(6));
    written();
    let isFull = true;
    Object.defineProperty(socket, 'writableNeedDrain', { get: () => isFull });
    expect([open.flush(), shut.flush()]).toEqual([false, false]);
    socket.emit('drain');
    expect(told).toEqual([]);
    // An open window is of no use to a full socket.
    upstream.receive(windowUpdate(1, 1_000));
    expect([told, socket.read()]).toEqual([[], null]);
    isFull = false;
    socket.emit('drain');
    expect(written()).toContain('HEADERS 1');
    expect(told).toEqual(['PUT drain']);
    expect([open.flush(), shut.flush()]).toEqual([true, false]);
    upstream.destroy();
  });
});
