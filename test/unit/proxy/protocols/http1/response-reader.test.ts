import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../../../../proxy/protocols/http1/message-reader.ts';
import { everyCut, playResponses } from '../../../../support/protocols/http1-play.ts';

const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const END = { type: 'end', trailers: undefined };
const OK = 'HTTP/1.1 200 OK\r\n';

/** [what, methods, bytes, what the events must hold]; each stream ends with the connection's end. */
const ACCEPTED: [string, string[], string, object[]][] = [
  [
    'a length',
    ['GET'],
    `${OK}Content-Length: 2\r\n\r\nab`,
    [{ status: 200, reason: 'OK', framing: { kind: 'length', length: 2 }, keepAlive: true }, { text: 'ab' }, END],
  ],
  [
    'until close',
    ['GET'],
    `${OK}\r\nabc`,
    [{ framing: { kind: 'until-close' }, keepAlive: false }, { text: 'abc' }, END],
  ],
  ['HTTP/1.0', ['GET'], 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', [{ version: '1.0', keepAlive: false }, END]],
  [
    'HTTP/1.0 with keep-alive',
    ['GET'],
    'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n',
    [{ keepAlive: true }, END],
  ],
  ['two of Host', ['GET'], `${OK}Host: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n`, [{ keepAlive: true }, END]],
  ['close', ['GET'], `${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`, [{ keepAlive: false }, END]],
  ['no reason', ['GET'], 'HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n', [{ status: 404, reason: '' }, END]],
  ['no space after the status', ['GET'], 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n', [{ reason: '' }, END]],
  ['HEAD', ['HEAD'], `${OK}Content-Length: 9\r\n\r\n`, [{ framing: { kind: 'none' }, keepAlive: true }, END]],
  ['HEAD with chunked', ['HEAD'], `${OK}Transfer-Encoding: chunked\r\n\r\n`, [{ framing: { kind: 'none' } }, END]],
  ['304', ['GET'], 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', [{ framing: { kind: 'none' } }, END]],
  ['204', ['GET'], 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', [{ framing: { kind: 'none' } }, END]],
  [
    'interim responses',
    ['POST'],
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    [
      { type: 'informational', status: 100 },
      { type: 'informational', status: 103 },
      { type: 'head', status: 200 },
      END,
    ],
  ],
  [
    'chunks with an extension and trailers',
    ['GET'],
    `${OK}Transfer-Encoding: chunked\r\n\r\n3;a="b"\r\nabc\r\n0\r\nGrpc-Status: 0\r\n\r\n`,
    [{ framing: { kind: 'chunked' } }, { text: 'abc' }, { type: 'end', trailers: [['Grpc-Status', '0']] }],
  ],
  [
    'two responses, HEAD first',
    ['HEAD', 'GET'],
    `${OK}Content-Length: 1\r\n\r\n${OK}Content-Length: 1\r\n\r\na`,
    [{ status: 200 }, END, { status: 200 }, { text: 'a' }, END],
  ],
];

const REFUSED: [string, string, string, string][] = [
  ['RFC 9112 4', 'another protocol', 'GET', 'SSH-2.0-OpenSSH\r\n'],
  ['RFC 9112 4', 'ICY', 'GET', 'ICY 200 OK\r\n\r\n'],
  ['RFC 9112 4', 'two digits', 'GET', 'HTTP/1.1 99 OK\r\n\r\n'],
  ['RFC 9112 4', 'four digits', 'GET', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['RFC 9110 15', 'a status over 599', 'GET', 'HTTP/1.1 999 OK\r\n\r\n'],
  ['RFC 9112 2.3', 'HTTP/2', 'GET', 'HTTP/2 200 OK\r\n\r\n'],
  ['RFC 9112 2.2', 'bare LF', 'GET', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['RFC 9112 2.2', 'a bare CR in the reason', 'GET', 'HTTP/1.1 200 O\rK\r\n\r\n'],
  ['RFC 9112 5.1', 'a space before the colon', 'GET', `${OK}Content-Length : 0\r\n\r\n`],
  ['RFC 9112 5.2', 'obs-fold', 'GET', `${OK}A: b\r\n c\r\n\r\n`],
  ['RFC 9110 5.5', 'NUL in a value', 'GET', `${OK}A: b\0\r\n\r\n`],
  ['RFC 9112 6.3', 'both framings', 'GET', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['RFC 9112 6.3', 'two lengths', 'GET', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
  // Found by fuzzing: Node reads this body until the connection closes.
  ['RFC 9112 6.3', 'a tab behind the coding', 'GET', `${OK}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`],
  ['RFC 9112 6.1', 'another coding', 'GET', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`],
  ['RFC 9112 6.1', 'chunked in a 204', 'GET', 'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['RFC 9110 8.6', 'a length in a 204', 'GET', 'HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\n'],
  ['RFC 9110 8.6', 'a length in a 100', 'GET', 'HTTP/1.1 100 Go\r\nContent-Length: 1\r\n\r\n'],
  ['RFC 9112 6.1', 'Transfer-Encoding in HTTP/1.0', 'GET', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['RFC 9112 7.1', 'a space after the chunk size', 'GET', `${OK}Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n`],
  ['RFC 9112 7.1.1', 'a long extension', 'GET', `${OK}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(256)}\r\na`],
  ['RFC 9112 9.2', 'a second response', 'GET', `${OK}Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n`],
  ['RFC 9110 15.2', 'a flood of 1xx', 'GET', 'HTTP/1.1 102 Wait\r\n\r\n'.repeat(17)],
];

describe('responses', () => {
  it.each(ACCEPTED)('%s is read, on every cut', (_what, methods, text, expected) => {
    const whole = playResponses([bytesOf(text)], methods, true);
    expect(whole.error).toBeUndefined();
    expect(whole.events).toMatchObject(expected);
    for (const pieces of everyCut(bytesOf(text))) expect(playResponses(pieces, methods, true)).toEqual(whole);
  });

  it.each(ACCEPTED)('%s, truncated, is upstream-closed', (what, methods, text) => {
    const last = what === 'until close' ? text.indexOf('\r\n\r\n') + 3 : text.length - 1;
    for (let at = 0; at <= last; at += 1) {
      expect(playResponses([bytesOf(text.slice(0, at))], methods, true).error).toBe('upstream-closed');
    }
  });

  it.each(REFUSED)('%s: %s is refused, on every cut', (_section, _what, method, text) => {
    for (const pieces of everyCut(bytesOf(text))) {
      expect(playResponses(pieces, [method]).error).toBe('upstream-malformed');
    }
  });
});

describe('ResponseReader', () => {
  it.each([
    ['CONNECT', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['GET', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
  ])('hands over what follows %s', (method, text) => {
    for (const pieces of everyCut(bytesOf(`${text}\x81\x00`))) {
      const played = playResponses(pieces, [method]);
      expect(played.events).toMatchObject([{ type: 'head', framing: { kind: 'none' } }, END]);
      expect(played.rest).toBe('\x81\x00');
    }
  });

  it('reads the body of a CONNECT that was refused', () => {
    const played = playResponses([bytesOf('HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\na')], ['CONNECT']);
    expect(played.events).toMatchObject([{ status: 403 }, { text: 'a' }, END]);
  });

  it('is quiet when an idle connection ends', () => {
    const reader = new ResponseReader();
    reader.eof();
    expect(reader.next()).toBeUndefined();
  });

  it('counts interim responses and the bytes of a size line anew each time', () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(16);
    const chunks = '1\r\na\r\n'.repeat(256);
    const one = bytesOf(`${interim}${OK}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    const played = playResponses([one, one], ['GET', 'GET']);
    expect(played.error).toBeUndefined();
    expect(played.events.slice(-2)).toMatchObject([{ text: 'a'.repeat(256) }, END]);
  });

  it('refuses bytes that answer no request', () => {
    expect(playResponses([bytesOf('HTTP/1.1 408 Timeout\r\n\r\n')], []).error).toBe('upstream-malformed');
  });
});
