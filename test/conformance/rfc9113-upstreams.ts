import { expect } from 'vitest';
import { FrameType } from '../../proxy/protocols/http2/frames.ts';
import {
  block,
  data,
  END_STREAM,
  frame,
  headers,
  type Pairs,
  PING,
  reset,
  settings,
  uint32,
  windowUpdate,
} from '../support/protocols/http2-frames.ts';
import { type ConformanceCase, must, write } from './case.ts';
import { type Answer, ask, GET, malformed, OK, ok, POST, toUpstream } from './frame-upstreams.ts';

function answers(section: string, rule: string, pairs: Pairs): ConformanceCase {
  return malformed(section, rule, 'RST_STREAM 1 PROTOCOL_ERROR', (upstream, stream) =>
    upstream.send(headers(stream, pairs, END_STREAM)),
  );
}

const REQUESTS: readonly ConformanceCase[] = [
  must('RFC 9113 3.4', 'the proxy as a client begins with the preface and SETTINGS', async (world) => {
    const { upstreams } = await ask(world, ok);
    expect(upstreams[0]?.prefaced).toBe(true);
    expect(upstreams[0]?.described[0]).toBe('SETTINGS');
  }),
  must('RFC 9113 6.5.2', 'it lets nobody push', async (world) => {
    const { upstreams } = await ask(world, ok);
    const payload = upstreams[0]?.frames[0]?.payload ?? Buffer.alloc(0);
    expect(payload.includes(Buffer.from([0, 2, 0, 0, 0, 0]))).toBe(true);
  }),
  must('RFC 9113 6.5.3', 'it acknowledges SETTINGS and answers PING', async (world) => {
    const { upstreams } = await ask(world, (upstream, stream) => {
      upstream.send(settings([3, 10]), PING);
      ok(upstream, stream, 0);
    });
    await upstreams[0]?.until('SETTINGS ACK');
    await upstreams[0]?.until('PING ACK');
  }),
  must('RFC 9113 8.3.1', 'a request has its pseudo-fields, and no Host', async (world) => {
    const { upstreams } = await ask(world, ok, GET.replace('/ HTTP', '/a?b HTTP'));
    const head = upstreams[0]?.head(1);
    const authority = `plain.test:${world.http2.port}`;
    expect([':method', ':scheme', ':authority', ':path'].map((name) => head?.get(name))).toEqual([
      'GET',
      'https',
      authority,
      '/a?b',
    ]);
    expect([...(head?.keys() ?? [])].slice(0, 4).every((name) => name.startsWith(':'))).toBe(true);
    expect(head?.has('host')).toBe(false);
  }),
  must('RFC 9113 8.2.1', 'field names are sent in lower case', async (world) => {
    const { upstreams } = await ask(world, ok, GET, ['X-Mixed-Case: 1']);
    expect([...(upstreams[0]?.head(1).keys() ?? [])].filter((name) => name !== name.toLowerCase())).toEqual([]);
    expect(upstreams[0]?.head(1).get('x-mixed-case')).toBe('1');
  }),
  must('RFC 9113 8.2.2', 'no connection-specific field is sent', async (world) => {
    const fields = [
      'Connection: keep-alive, x-hop',
      'X-Hop: 1',
      'Keep-Alive: 5',
      'Proxy-Connection: x',
      'TE: gzip',
      'Transfer-Encoding: chunked',
    ];
    const { upstreams } = await ask(world, ok, POST, fields, '2\r\nhi\r\n0\r\n\r\n');
    const names = [...(upstreams[0]?.head(1).keys() ?? [])];
    expect(
      names.filter((name) => /^(?:connection|keep-alive|proxy-connection|transfer-encoding|te|x-hop)$/.test(name)),
    ).toEqual([]);
  }),
  must('RFC 9113 8.2.2', 'TE is sent as trailers alone', async (world) => {
    const { upstreams } = await ask(world, ok, GET, ['TE: gzip, trailers', 'Connection: TE']);
    expect(upstreams[0]?.head(1).get('te')).toBe('trailers');
  }),
  must('RFC 9113 5.1.1', 'streams have odd and rising identifiers', async (world) => {
    const { upstreams } = await ask(world, ok);
    await ask(world, ok);
    expect(upstreams[0]?.frames.filter(({ type }) => type === FrameType.HEADERS).map(({ stream }) => stream)).toEqual([
      1, 3,
    ]);
  }),
  must('RFC 9113 6.9.1', 'a body waits for the window of its upstream', async (world) => {
    const reply: Answer = (upstream, stream) => {
      // By the second stream the proxy has read the SETTINGS that let 5 octets come.
      if (stream === 1) return ok(upstream, stream, 0);
      let received = '';
      upstream.onData = (bytes) => {
        received += bytes.toString();
        if (received.length === 10)
          upstream.send(headers(stream, OK), data(stream, waited ? 'waited' : 'rushed', END_STREAM));
        if (received !== '01234') return;
        upstream.send(PING);
        upstream.onPing = () => {
          waited = received === '01234';
          upstream.send(windowUpdate(stream, 5));
        };
      };
      let waited = false;
    };
    await ask(world, reply);
    const text = write(world, { ...toUpstream(world, POST), fields: ['Content-Length: 10'], body: '0123456789' });
    expect((await (await world.agent()).exchange(text)).text).toBe('waited');
  }),
];

const ANSWERS: readonly ConformanceCase[] = [
  answers('8.3.2', 'an answer without :status', [['x-evil', '1']]),
  ...['20', '2000', 'abc', '099', '600', ''].map((status) =>
    answers('8.3.2', `a :status of ${JSON.stringify(status)}`, [
      [':status', status],
      ['x-evil', '1'],
    ]),
  ),
  answers('8.3', 'a pseudo-field of requests in an answer', [
    [':status', '200'],
    [':path', '/evil'],
  ]),
  answers('8.3', ':status twice', [
    [':status', '200'],
    [':status', '204'],
  ]),
  answers('8.3', ':status behind a regular field', [
    ['x-evil', '1'],
    [':status', '200'],
  ]),
  answers('8.6', 'a 101', [
    [':status', '101'],
    ['x-evil', '1'],
  ]),
  answers('8.2.1', 'a field name in upper case in an answer', [
    [':status', '200'],
    ['X-Evil', '1'],
  ]),
  answers('8.2.1', 'a line break in a value of an answer', [
    [':status', '200'],
    ['x-evil', 'a\r\nevil: b'],
  ]),
  answers('8.2.2', 'Transfer-Encoding in an answer', [
    [':status', '200'],
    ['transfer-encoding', 'chunked'],
  ]),
  answers('8.2.2', 'Connection in an answer', [
    [':status', '200'],
    ['connection', 'x-evil'],
  ]),
  answers('8.1.1', 'an answer of a Content-Length and no content', [
    [':status', '200'],
    ['content-length', '5'],
  ]),
  answers('8.1', 'an interim answer that ends the stream', [[':status', '103']]),
  malformed('8.1', 'DATA before a head', 'RST_STREAM 1 PROTOCOL_ERROR', (upstream, stream) =>
    upstream.send(data(stream, 'evil', END_STREAM)),
  ),
  malformed('8.4', 'a push that nobody allowed', 'GOAWAY 0 PROTOCOL_ERROR', (upstream, stream) =>
    upstream.send(frame(FrameType.PUSH_PROMISE, 4, stream, Buffer.concat([uint32(2), block([[':method', 'GET']])]))),
  ),
  malformed('4.2', 'a frame of an upstream that is too large', 'GOAWAY 0 FRAME_SIZE_ERROR', (upstream, stream) =>
    upstream.send(frame(FrameType.HEADERS, 4, stream, Buffer.alloc(16_385))),
  ),
  malformed('5.1.1', 'an upstream that opens a stream', 'GOAWAY 0 PROTOCOL_ERROR', (upstream) =>
    upstream.send(headers(2, OK, END_STREAM)),
  ),
  malformed('5.4.2', 'a stream that the upstream gives up', 'HEADERS 1', (upstream, stream) =>
    upstream.send(reset(stream, 2)),
  ),
  must('RFC 9113 8.1.1', 'an answer that is longer than its Content-Length never looks whole', async (world) => {
    const asked = ask(world, (upstream, stream) =>
      upstream.send(headers(stream, [...OK, ['content-length', '2']]), data(stream, 'evil', END_STREAM)),
    );
    await expect(asked).rejects.toThrow();
  }),
  must('RFC 9113 8.1', 'an answer to HEAD has a Content-Length and no content', async (world) => {
    const { answer } = await ask(
      world,
      (upstream, stream) => upstream.send(headers(stream, [...OK, ['content-length', '5']], END_STREAM)),
      GET.replace('GET', 'HEAD'),
    );
    expect([answer.status, answer.headers.get('content-length'), answer.text]).toEqual([200, '5', '']);
  }),
  must('RFC 9113 8.1', 'trailers of HTTP/2 arrive as trailers of HTTP/1.1', async (world) => {
    const { answer } = await ask(world, (upstream, stream) =>
      upstream.send(headers(stream, OK), data(stream, 'ok'), headers(stream, [['x-sum', '2']], END_STREAM)),
    );
    expect([answer.text, answer.trailers?.get('x-sum')]).toEqual(['ok', '2']);
  }),
  must('RFC 9113 8.1', 'RST_STREAM of NO_ERROR behind a whole answer takes nothing from it', async (world) => {
    const { answer } = await ask(
      world,
      (upstream, stream) => {
        upstream.send(headers(stream, OK), data(stream, 'early', END_STREAM), reset(stream, 0));
      },
      POST,
      ['Content-Length: 2'],
      'hi',
    );
    expect([answer.status, answer.text]).toEqual([200, 'early']);
  }),
  must('RFC 9113 8.7', 'a refused stream is tried again, whatever its method', async (world) => {
    const { answer } = await ask(
      world,
      (upstream, stream, connection) => {
        if (connection === 0 && stream === 1) upstream.send(reset(stream, 7));
        else ok(upstream, stream, connection);
      },
      POST,
      ['Content-Length: 0'],
    );
    expect(answer.status).toBe(200);
  }),
  must('RFC 9113 6.8', 'a stream that GOAWAY leaves out is tried on another connection', async (world) => {
    const { answer, upstreams } = await ask(world, (upstream, stream, connection) => {
      if (connection === 0) upstream.send(frame(FrameType.GOAWAY, 0, 0, uint32(0, 0)));
      else ok(upstream, stream, connection);
    });
    expect([answer.status, upstreams.length]).toEqual([200, 2]);
  }),
  must('RFC 9113 6.8', 'no stream is opened behind GOAWAY', async (world) => {
    const { upstreams } = await ask(world, (upstream, stream, connection) => {
      ok(upstream, stream, connection);
      upstream.send(frame(FrameType.GOAWAY, 0, 0, uint32(1, 0)));
    });
    await ask(world, ok);
    expect(upstreams[0]?.described.filter((one) => one.startsWith('HEADERS'))).toHaveLength(1);
  }),
  must('RFC 9110 7.6.3', 'Via of an answer names HTTP/2 as what was received', async (world) => {
    const { answer } = await ask(world, ok);
    expect(answer.headers.get('via')).toMatch(/^2 sidekey/);
  }),
];

export const RFC9113_UPSTREAMS: readonly ConformanceCase[] = [...REQUESTS, ...ANSWERS];
