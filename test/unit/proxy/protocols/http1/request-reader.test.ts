import { describe, expect, it } from 'vitest';
import { MessageError } from '../../../../../proxy/protocols/http1/message-error.ts';
import { RequestReader } from '../../../../../proxy/protocols/http1/message-reader.ts';
import { everyCut, playRequests } from '../../../../support/protocols/http1-play.ts';

const HOST = 'Host: a.example\r\n';
const bytesOf = (text: string) => Buffer.from(text, 'latin1');

/** [what, bytes, what the events must hold] */
const ACCEPTED: [string, string, object[]][] = [
  [
    'a GET',
    `GET /a?b={c}|d HTTP/1.1\r\n${HOST}X-Spelled-So:\t v v \r\n\r\n`,
    [
      {
        method: 'GET',
        target: '/a?b={c}|d',
        version: '1.1',
        framing: { kind: 'none' },
        keepAlive: true,
        expectContinue: false,
        headers: [
          ['Host', 'a.example'],
          ['X-Spelled-So', 'v v'],
        ],
      },
      { type: 'end', trailers: undefined },
    ],
  ],
  ['one empty line first', `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, [{ method: 'GET' }, { type: 'end' }]],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', [{ version: '1.0', keepAlive: false }, { type: 'end' }]],
  [
    'keep-alive in HTTP/1.0, which a proxy ignores',
    'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    [{ keepAlive: false }, { type: 'end' }],
  ],
  [
    'Connection as a list in any case',
    `GET / HTTP/1.1\r\n${HOST}Connection: x, Close\r\n\r\n`,
    [{ keepAlive: false }, { type: 'end' }],
  ],
  [
    'an empty value',
    `GET / HTTP/1.1\r\n${HOST}A:\r\n\r\n`,
    [
      {
        headers: [
          ['Host', 'a.example'],
          ['A', ''],
        ],
      },
      { type: 'end' },
    ],
  ],
  [
    'bytes over 0x7f in a value',
    `GET / HTTP/1.1\r\n${HOST}A: \xe9\xff\r\n\r\n`,
    [
      {
        headers: [
          ['Host', 'a.example'],
          ['A', '\xe9\xff'],
        ],
      },
      { type: 'end' },
    ],
  ],
  [
    'a body with a length, then a pipelined request',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect: 100-Continue\r\n\r\nhelloGET /2 HTTP/1.1\r\n${HOST}\r\n`,
    [
      { framing: { kind: 'length', length: 5 }, expectContinue: true },
      { text: 'hello' },
      { type: 'end' },
      { target: '/2' },
      { type: 'end' },
    ],
  ],
  [
    'a length of 0',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
    [{ framing: { kind: 'length', length: 0 } }, { type: 'end' }],
  ],
  [
    'chunks with trailers, then a request',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00A\r\n0123456789\r\n0\r\nDigest: x\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`,
    [
      { framing: { kind: 'chunked' } },
      { text: 'hello0123456789' },
      { type: 'end', trailers: [['Digest', 'x']] },
      { method: 'GET' },
      { type: 'end' },
    ],
  ],
  [
    'an empty chunked body',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [{ framing: { kind: 'chunked' } }, { type: 'end', trailers: undefined }],
  ],
  [
    'absolute-form',
    `GET HTTP://a.example:80?x HTTP/1.1\r\n${HOST}\r\n`,
    [{ target: 'HTTP://a.example:80?x' }, { type: 'end' }],
  ],
  [
    'a value that is the name of a field',
    `GET / HTTP/1.1\r\n${HOST}A: transfer-encoding\r\nB: content-length\r\nC: expect\r\nD: connection\r\nClose: 1\r\n\r\n`,
    [{ framing: { kind: 'none' }, keepAlive: true, expectContinue: false }, { type: 'end' }],
  ],
  [
    'TRACE with a length of 0',
    `TRACE / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
    [{ method: 'TRACE' }, { type: 'end' }],
  ],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, [{ target: '*' }, { type: 'end' }]],
  ['an IPv6 host', `GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n`, [{}, { type: 'end' }]],
  ['an underscore in the host', 'GET / HTTP/1.1\r\nHost: my_service:8080\r\n\r\n', [{}, { type: 'end' }]],
];

describe('requests that are accepted', () => {
  it.each(ACCEPTED)('%s, on every cut', (_what, text, expected) => {
    const whole = playRequests([bytesOf(text)], true);
    expect(whole.error).toBeUndefined();
    expect(whole.events).toMatchObject(expected);
    for (const pieces of everyCut(bytesOf(text))) expect(playRequests(pieces, true)).toEqual(whole);
  });

  it.each(ACCEPTED)('%s, truncated anywhere, is agent-closed', (_what, text) => {
    const [firstEnd] = endsOf(text);
    for (let at = text.startsWith('\r\n') ? 3 : 1; at < firstEnd; at += 1) {
      expect(playRequests([bytesOf(text.slice(0, at))], true).error).toBe('agent-closed');
    }
  });
});

/** Where the first message ends, found by the reader itself. */
function endsOf(text: string): [number] {
  const reader = new RequestReader();
  reader.receive(bytesOf(text));
  for (let event = reader.next(); event !== undefined && event.type !== 'end'; event = reader.next());
  return [text.length - reader.bufferedBytes];
}

describe('RequestReader', () => {
  it('stops after CONNECT and hands over the rest', () => {
    const text = `CONNECT a.example:443 HTTP/1.1\r\n${HOST}\r\n\x16\x03\x01`;
    for (const pieces of everyCut(bytesOf(text))) {
      const played = playRequests(pieces);
      expect(played.events).toMatchObject([{ method: 'CONNECT', target: 'a.example:443' }, { type: 'end' }]);
      expect(played.rest).toBe('\x16\x03\x01');
    }
  });

  it('is dead after an error', () => {
    const reader = new RequestReader();
    reader.receive(bytesOf('GET / HTTP/9.9\r\n\r\n'));
    expect(() => reader.next()).toThrow(MessageError);
    reader.receive(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`));
    expect(() => reader.next()).toThrow(MessageError);
  });

  it('gives views of the body, not copies', () => {
    const bytes = bytesOf(`POST / HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nab`);
    const reader = new RequestReader();
    reader.receive(bytes);
    reader.next();
    const event = reader.next();
    expect(event?.type === 'body' && event.bytes.buffer === bytes.buffer).toBe(true);
  });

  it('keeps what is unread when told that the buffer will be written over', () => {
    const reader = new RequestReader();
    for (const part of ['GET /a HT', `TP/1.1\r\n${HOST}`, '\r\nGET /']) {
      const bytes = bytesOf(part);
      reader.receive(bytes);
      if (part !== '\r\nGET /') expect(reader.next()).toBeUndefined();
      else expect(reader.next()).toMatchObject({ head: { target: '/a' } });
      reader.copyUnread();
      bytes.fill(0);
    }
    reader.next();
    reader.receive(bytesOf(`b HTTP/1.1\r\n${HOST}\r\n`));
    expect(reader.next()).toMatchObject({ head: { target: '/b' } });
  });

  it('accepts a head of exactly the limit and refuses one byte more', () => {
    const head = (count: number) => {
      const start = `GET / HTTP/1.1\r\n${HOST}A: `;
      return bytesOf(`${start}${'b'.repeat(count - start.length - 4)}\r\n\r\n`);
    };
    expect(playRequests([head(32_768)]).error).toBeUndefined();
    expect(playRequests([head(32_769)]).error).toBe('head-too-large');
  });

  it('accepts a method and a target of exactly the limit', () => {
    const text = `${'M'.repeat(32)} /${'a'.repeat(8_191)} HTTP/1.1\r\n${HOST}\r\n`;
    expect(playRequests([bytesOf(text)]).events).toMatchObject([{ target: `/${'a'.repeat(8_191)}` }, { type: 'end' }]);
  });

  it('names a long target before the line has ended', () => {
    expect(playRequests([bytesOf(`GET /${'a'.repeat(40_000)}`)]).error).toBe('uri-too-long');
  });

  it('reads a body of a quarter of a million single bytes in linear time', () => {
    const reader = new RequestReader();
    reader.receive(bytesOf(`POST / HTTP/1.1\r\n${HOST}Content-Length: 250000\r\n\r\n`));
    reader.next();
    const byte = Buffer.from('a');
    for (let count = 0; count < 250_000; count += 1) reader.receive(byte);
    let read = 0;
    for (let event = reader.next(); event?.type === 'body'; event = reader.next()) read += event.bytes.length;
    expect(read).toBe(250_000);
    expect(reader.bufferedBytes).toBe(0);
  });
});
