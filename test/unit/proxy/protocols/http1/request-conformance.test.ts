import { describe, expect, it } from 'vitest';
import { everyCut, playRequests } from '../../../../support/protocols/http1-play.ts';

const HOST = 'Host: a.example\r\n';
const get = (fields: string) => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (fields: string, body: string) => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
const chunked = (body: string) => post('Transfer-Encoding: chunked\r\n', body);
const line = (text: string) => `${text}\r\n${HOST}\r\n`;

/** [section, what, bytes, reason code] */
const REFUSED: [string, string, string, string][] = [
  ['RFC 9112 2.2', 'bare LF after the request line', `GET / HTTP/1.1\n${HOST}\r\n`, 'bad-request'],
  ['RFC 9112 2.2', 'bare LF after a field', 'GET / HTTP/1.1\r\nHost: a\n\r\n', 'bad-request'],
  ['RFC 9112 2.2', 'bare LF throughout', 'GET / HTTP/1.1\nHost: a\n\n', 'bad-request'],
  ['RFC 9112 2.2', 'bare CR in a value', get('A: b\rc\r\n'), 'bad-request'],
  ['RFC 9112 2.2', 'CR CR LF', get('A: b\r\r\n'), 'bad-request'],
  ['RFC 9112 2.2', 'two empty lines first', `\r\n\r\n${get('')}`, 'bad-request'],
  ['RFC 9112 2.2', 'space before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'bad-request'],
  ['RFC 9112 2.3', 'HTTP/2.0', line('GET / HTTP/2.0'), 'bad-request'],
  ['RFC 9112 2.3', 'HTTP/1.2', line('GET / HTTP/1.2'), 'bad-request'],
  ['RFC 9112 2.3', 'http/1.1', line('GET / http/1.1'), 'bad-request'],
  ['RFC 9112 2.3', 'HTTP/1.10', line('GET / HTTP/1.10'), 'bad-request'],
  ['RFC 9112 2.3', 'HTTP/0.9', 'GET /\r\n\r\n', 'bad-request'],
  ['RFC 9113 3.4', 'the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'bad-request'],
  ['RFC 8446 5.1', 'TLS', '\x16\x03\x01', 'bad-request'],
  ['RFC 9112 3', 'two spaces', line('GET  / HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3', 'a tab', line('GET\t/ HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3', 'a space after the version', line('GET / HTTP/1.1 '), 'bad-request'],
  ['RFC 9112 3', 'a space in the target', line('GET /a b HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3', 'a method that is no token', line('GE(T / HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3', 'a long method', line(`${'A'.repeat(33)} / HTTP/1.1`), 'bad-request'],
  ['RFC 9112 3', 'a long target', line(`GET /${'a'.repeat(8_192)} HTTP/1.1`), 'uri-too-long'],
  ['RFC 9112 3.2', 'a fragment', line('GET /a#b HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2', 'a raw byte over 0x7f in the target', line('GET /\xe9 HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2', 'NUL in the target', line('GET /\0 HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2', 'no Host', 'GET / HTTP/1.1\r\nA: b\r\n\r\n', 'bad-request'],
  ['RFC 9112 3.2', 'two equal Host fields', get(HOST), 'bad-request'],
  ['RFC 9112 3.2', 'two Host fields', get('host: b\r\n'), 'bad-request'],
  ['RFC 9110 7.2', 'an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'bad-request'],
  ['RFC 9110 7.2', 'two hosts in Host', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 'bad-request'],
  ['RFC 9110 7.2', 'user information in Host', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n', 'bad-request'],
  ['RFC 9110 7.2', 'a path in Host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 'bad-request'],
  ['RFC 9110 7.2', 'a port over 65535', 'GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n', 'bad-request'],
  ['RFC 9112 3.2.1', 'a relative path', line('GET a HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.2', 'another scheme', line('GET ftp://a/ HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.2', 'no host', line('GET http:///a HTTP/1.1'), 'bad-request'],
  ['RFC 9110 4.2.4', 'user information', line('GET http://u:p@a/ HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.3', 'CONNECT with a path', line('CONNECT / HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.3', 'CONNECT without a port', line('CONNECT a HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.3', 'CONNECT to port 0', line('CONNECT a:0 HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.3', 'CONNECT with a URL', line('CONNECT http://a:80 HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.3', 'authority-form for GET', line('GET a:80 HTTP/1.1'), 'bad-request'],
  ['RFC 9112 3.2.4', '* for GET', line('GET * HTTP/1.1'), 'bad-request'],
  ['RFC 9112 5', 'a field without a colon', get('A\r\n'), 'bad-request'],
  ['RFC 9112 5', 'a field without a name', get(': b\r\n'), 'bad-request'],
  ['RFC 9112 5.1', 'a space before the colon', get('Content-Length : 1\r\n'), 'bad-request'],
  ['RFC 9110 5.1', 'a name that is no token', get('A{: b\r\n'), 'bad-request'],
  ['RFC 9110 5.1', 'a name over 0x7f', get('\xc5: b\r\n'), 'bad-request'],
  ['RFC 9112 5.2', 'obs-fold', get('A: b\r\n c\r\n'), 'bad-request'],
  ['RFC 9112 5.2', 'obs-fold with a tab', get('A: b\r\n\tc\r\n'), 'bad-request'],
  ['RFC 9110 5.5', 'NUL in a value', get('A: b\0\r\n'), 'bad-request'],
  ['RFC 9110 5.5', 'DEL in a value', get('A: b\x7f\r\n'), 'bad-request'],
  ['RFC 9110 5.4', 'too many fields', get('A: b\r\n'.repeat(100)), 'head-too-large'],
  ['RFC 9110 5.4', 'a long head', get(`A: ${'b'.repeat(32_768)}\r\n`), 'head-too-large'],
  [
    'RFC 9112 6.1',
    'Transfer-Encoding in HTTP/1.0',
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'bad-request',
  ],
  ['RFC 9112 6.1', 'gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 6.1', 'chunked, identity', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 6.1', 'chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 'bad-request'],
  [
    'RFC 9112 6.1',
    'two fields',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', ''),
    'bad-request',
  ],
  ['RFC 9112 6.1', 'xchunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 6.1', 'chunked with a vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', ''), 'bad-request'],
  ['RFC 9112 6.1', 'an empty Transfer-Encoding', post('Transfer-Encoding:\r\n', ''), 'bad-request'],
  ['RFC 9112 6.1', 'chunked with a parameter', post('Transfer-Encoding: chunked;a=b\r\n', ''), 'bad-request'],
  ['RFC 9112 6.2', 'a sign', post('Content-Length: +1\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.2', 'a negative length', post('Content-Length: -1\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.2', 'hexadecimal', post('Content-Length: 0x1\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.2', 'a fraction', post('Content-Length: 1.0\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.2', 'an exponent', post('Content-Length: 1e1\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.2', 'an empty length', post('Content-Length:\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.2', 'space within', post('Content-Length: 1 1\r\n', 'a'), 'bad-request'],
  ['RFC 9110 8.6', 'a length over 2^53', post('Content-Length: 99999999999999999999\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.3', 'a list of equal lengths', post('Content-Length: 1, 1\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.3', 'two equal lengths', post('Content-Length: 1\r\nContent-Length: 1\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.3', 'two lengths', post('Content-Length: 1\r\nContent-Length: 2\r\n', 'a'), 'bad-request'],
  ['RFC 9112 6.3', 'CL.TE', post('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 6.3', 'TE.CL', post('Transfer-Encoding: chunked\r\nContent-Length: 1\r\n', '0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 6.3', 'a tab behind the coding', post('Transfer-Encoding: chunked\t\r\n', '0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 6.3', 'a tab behind the length', post('Content-Length: 1 \t\r\n', 'a'), 'bad-request'],
  ['RFC 9112 7.1', 'no size', chunked('\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a size with 0x', chunked('0x1\r\na\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a signed size', chunked('+1\r\na\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a space before the size', chunked(' 1\r\na\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a space after the size', chunked('1 \r\na\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a size over 2^53', chunked('10000000000000\r\n'.padStart(18, '0')), 'bad-request'],
  ['RFC 9112 7.1', 'a size line with bare LF', chunked('1\na\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a size line with bare CR', chunked('1\ra\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a chunk that is too long', chunked('1\r\nab\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1', 'a chunk that ends with LF', chunked('1\r\na\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1.1', 'an extension', chunked('1;a=b\r\na\r\n0\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1.1', 'an extension on the last chunk', chunked('0;a\r\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1.2', 'a trailer with bare LF', chunked('0\r\nA: b\n\r\n'), 'bad-request'],
  ['RFC 9112 7.1.2', 'long trailers', chunked(`0\r\nA: ${'b'.repeat(8_192)}\r\n\r\n`), 'head-too-large'],
  ['RFC 9110 6.5.1', 'Content-Length in trailers', chunked('0\r\nContent-Length: 1\r\n\r\n'), 'bad-request'],
  ['RFC 9110 6.5.1', 'Authorization in trailers', chunked('0\r\nAuthorization: x\r\n\r\n'), 'bad-request'],
  ['RFC 9110 9.3.6', 'content in CONNECT', `CONNECT a:1 HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\na`, 'bad-request'],
  ['RFC 9110 9.3.8', 'content in TRACE', `TRACE / HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\na`, 'bad-request'],
  ['RFC 9110 10.1.1', 'another expectation', get('Expect: 200-ok\r\n'), 'expectation-failed'],
  ['RFC 9110 10.1.1', 'two expectations', get('Expect: 200-ok\r\nExpect: 100-continue\r\n'), 'bad-request'],
];

describe('requests that are refused', () => {
  it.each(REFUSED)('%s: %s', (_section, _what, text, code) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(playRequests([bytes]).error).toBe(code);
    if (bytes.length > 1_000) {
      expect(playRequests(Array.from(bytes, (byte) => Buffer.from([byte]))).error).toBe(code);
      return;
    }
    for (const pieces of everyCut(bytes)) expect(playRequests(pieces).error).toBe(code);
  });
});
