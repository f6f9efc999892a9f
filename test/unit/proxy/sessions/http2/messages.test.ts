import { describe, expect, it } from 'vitest';
import { data, END_STREAM, GET, headers, type Pairs, POST } from '../../../../support/protocols/http2-frames.ts';
import { drive, startClient, startServer } from '../../../../support/protocols/http2-play.ts';

const without = (name: string, pairs: Pairs = GET): Pairs => pairs.filter(([known]) => known !== name);
const with_ = (...extra: Pairs): Pairs => [...GET, ...extra];
const CONNECT: Pairs = [
  [':method', 'CONNECT'],
  [':authority', 'a.example:443'],
];
const EXTENDED: Pairs = [[':method', 'CONNECT'], [':protocol', 'websocket'], ...GET.slice(1)];

/** Requests that are malformed (RFC 9113 8.1.1): the stream is reset, the connection goes on. */
const REFUSED_REQUESTS: [string, string, Pairs][] = [
  ['8.2.1', 'an upper-case name', with_(['X-A', 'b'])],
  ['8.2.1', 'an empty name', with_(['', 'b'])],
  ['8.2.1', 'a name with a space', with_(['x a', 'b'])],
  ['8.2.1', 'a name with a colon in it', with_(['x:a', 'b'])],
  ['8.2.1', 'a name over 0x7f', with_(['x\xe9', 'b'])],
  ['8.2.1', 'CR LF in a value', with_(['x-a', 'b\r\nx-b: c'])],
  ['8.2.1', 'LF in a value', with_(['x-a', 'b\nc'])],
  ['8.2.1', 'NUL in a value', with_(['x-a', 'b\0c'])],
  ['8.2.1', 'a blank before a value', with_(['x-a', ' b'])],
  ['8.2.1', 'a tab behind a value', with_(['x-a', 'b\t'])],
  ['8.2.1', 'DEL in a value', with_(['x-a', 'b\x7f'])],
  ['8.2.2', 'Connection', with_(['connection', 'close'])],
  ['8.2.2', 'Keep-Alive', with_(['keep-alive', '1'])],
  ['8.2.2', 'Proxy-Connection', with_(['proxy-connection', 'keep-alive'])],
  ['8.2.2', 'Transfer-Encoding', with_(['transfer-encoding', 'chunked'])],
  ['8.2.2', 'Upgrade', with_(['upgrade', 'h2c'])],
  ['8.2.2', 'TE with other than trailers', with_(['te', 'trailers, gzip'])],
  ['8.3', 'an unknown pseudo-field', with_([':x', 'b'])],
  ['8.3', 'a pseudo-field of responses', with_([':status', '200'])],
  ['8.3', 'a pseudo-field behind a regular one', [...GET.slice(0, 3), ['x-a', 'b'], [':path', '/']]],
  ['8.3', 'a pseudo-field twice', [...GET, [':path', '/']]],
  ['8.3.1', 'no :method', without(':method')],
  ['8.3.1', 'no :scheme', without(':scheme')],
  ['8.3.1', 'no :path', without(':path')],
  ['8.3.1', 'neither :authority nor Host', without(':authority')],
  ['8.3.1', 'an empty :path', [...GET.slice(0, 3), [':path', '']]],
  ['8.3.1', 'a :path without slash', [...GET.slice(0, 3), [':path', 'a']]],
  ['8.3.1', 'a :path with a fragment', [...GET.slice(0, 3), [':path', '/a#b']]],
  ['8.3.1', 'a :path with a space', [...GET.slice(0, 3), [':path', '/a b']]],
  ['8.3.1', 'a :path with CR LF', [...GET.slice(0, 3), [':path', '/ HTTP/1.1\r\nHost: b']]],
  ['8.3.1', 'a :path over 0x7f', [...GET.slice(0, 3), [':path', '/\xe9']]],
  ['8.3.1', '* for GET', [...GET.slice(0, 3), [':path', '*']]],
  ['8.3.1', 'a :method that is no token', [[':method', 'GE T'], ...GET.slice(1)]],
  ['8.3.1', 'an empty :method', [[':method', ''], ...GET.slice(1)]],
  ['8.3.1', 'a :scheme out of form', [GET[0]!, [':scheme', '1'], ...GET.slice(2)]],
  ['8.3.1', 'an empty :authority', [...without(':authority'), [':authority', '']]],
  ['8.3.1', 'user information in :authority', [...without(':authority'), [':authority', 'u@a.example']]],
  ['8.3.1', 'a path in :authority', [...without(':authority'), [':authority', 'a.example/b']]],
  ['8.5', 'CONNECT with :path', [...CONNECT, [':path', '/']]],
  ['8.5', 'CONNECT with :scheme', [...CONNECT, [':scheme', 'https']]],
  ['8.5', 'CONNECT without :authority', [CONNECT[0]!, ['host', 'a.example:443']]],
  ['RFC 9110 7.2', 'two Host fields', with_(['host', 'a.example'], ['host', 'b.example'])],
  ['RFC 9110 8.6', 'two Content-Length fields', with_(['content-length', '0'], ['content-length', '0'])],
  ['RFC 9110 8.6', 'a signed Content-Length', with_(['content-length', '+1'])],
  ['RFC 9110 8.6', 'a list of Content-Lengths', with_(['content-length', '0, 0'])],
  ['RFC 9110 8.6', 'an empty Content-Length', with_(['content-length', ''])],
  ['RFC 8441 4', ':protocol of another method', [[':protocol', 'websocket'], ...GET]],
];

/** [section, what, fields, what the server says of it] */
const TAKEN_REQUESTS: [string, string, Pairs, string][] = [
  ['8.3.1', 'a plain request', GET, 'request 1 GET https://a.example/'],
  [
    '8.3.1',
    'Host instead of :authority',
    [...without(':authority'), ['host', 'b.example']],
    'request 1 GET https://b.example/ {host: b.example}',
  ],
  [
    '8.3.1',
    'Host beside :authority, for the caller to compare',
    with_(['host', 'b']),
    'request 1 GET https://a.example/ {host: b}',
  ],
  [
    '8.3.1',
    '* for OPTIONS',
    [[':method', 'OPTIONS'], ...GET.slice(1, 3), [':path', '*']],
    'request 1 OPTIONS https://a.example*',
  ],
  ['8.2.2', 'TE: trailers', with_(['te', 'trailers']), 'request 1 GET https://a.example/ {te: trailers}'],
  [
    '8.2.1',
    'octets over 0x7f and an empty value',
    with_(['x-a', '\xe9'], ['x-b', '']),
    'request 1 GET https://a.example/ {x-a: \xe9, x-b: }',
  ],
  [
    '8.2.3',
    'crumbs of Cookie, joined',
    with_(['cookie', 'a=b'], ['x', 'y'], ['cookie', 'c=d']),
    'request 1 GET https://a.example/ {cookie: a=b; c=d, x: y}',
  ],
  ['8.5', 'CONNECT', CONNECT, 'request 1 CONNECT a.example:443'],
];

describe('requests, RFC 9113 8', () => {
  it.each(REFUSED_REQUESTS)('%s refuses %s', (_, __, pairs) => {
    const played = drive(startServer(), [headers(1, pairs, END_STREAM), headers(3, GET, END_STREAM)]);
    expect(played).toEqual({
      events: ['reset 1 PROTOCOL_ERROR by us', 'request 3 GET https://a.example/', 'end 3'],
      output: ['RST_STREAM 1 PROTOCOL_ERROR'],
      error: undefined,
    });
  });

  it.each(TAKEN_REQUESTS)('%s takes %s', (_, __, pairs, said) => {
    const played = drive(startServer(), [headers(1, pairs, END_STREAM)]);
    expect(played).toEqual({ events: [said, 'end 1'], output: [], error: undefined });
  });

  it('RFC 8441 4 takes extended CONNECT', () => {
    const played = drive(startServer(), [headers(1, EXTENDED)]);
    expect(played.events).toEqual(['request 1 CONNECT(websocket) https://a.example/']);
  });

  it.each([
    ['8.1.1', 'less body than Content-Length', ['4'], [data(1, 'abc', END_STREAM)]],
    ['8.1.1', 'more body than Content-Length', ['2'], [data(1, 'abc', END_STREAM)]],
    ['8.1.1', 'more body in a second frame', ['3'], [data(1, 'abc'), data(1, 'd')]],
    ['8.1', 'trailers that do not end the stream', [], [headers(1, [['x-t', 'a']])]],
    ['8.1', 'a pseudo-field in trailers', [], [headers(1, [[':path', '/']], END_STREAM)]],
    ['RFC 9110 8.6', 'a huge Content-Length', ['9'.repeat(16)], []],
    ['RFC 9110 6.5.1', 'Content-Length in trailers', [], [headers(1, [['content-length', '0']], END_STREAM)]],
    ['RFC 9110 6.5.1', 'Host in trailers', [], [headers(1, [['host', 'a.example']], END_STREAM)]],
    ['8.2.2', 'Connection in trailers', [], [headers(1, [['connection', 'close']], END_STREAM)]],
  ])('%s refuses %s', (_, __, lengths, frames) => {
    const head: Pairs = [...POST, ...lengths.map((length) => ['content-length', length] as const)];
    const played = drive(startServer(), [headers(1, head), ...frames]);
    expect(played.events.at(-1)).toBe('reset 1 PROTOCOL_ERROR by us');
    expect(played.output).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
  });

  it('8.1 takes trailers', () => {
    const played = drive(startServer(), [headers(1, POST), data(1, 'ab'), headers(1, [['x-t', 'a']], END_STREAM)]);
    expect(played.events).toEqual(['request 1 POST https://a.example/', 'body 1 ab', 'end 1 {x-t: a}']);
  });

  it.each([
    ['octets', { maxHeaderListBytes: 400 }, with_(['x-a', 'b'.repeat(300)])],
    ['fields', { maxHeaderCount: 5 }, with_(['x-a', 'b'], ['x-c', 'd'])],
  ])('10.5.1 refuses a head with too many %s', (_, options, pairs) => {
    const played = drive(startServer(options), [headers(1, pairs, END_STREAM), headers(3, GET, END_STREAM)]);
    expect(played.events[0]).toBe('reset 1 ENHANCE_YOUR_CALM by us');
    expect(played.events[1]).toBe('request 3 GET https://a.example/');
  });
});

const OK: Pairs = [[':status', '200']];
const status = (code: number | string, ...more: Pairs): Pairs => [[':status', String(code)], ...more];

/** [section, what, method, frames] */
const REFUSED_RESPONSES: [string, string, string, Buffer[]][] = [
  ['8.3.2', 'no :status', 'GET', [headers(1, [['x-a', 'b']])]],
  ['8.3.2', 'a :status of two digits', 'GET', [headers(1, status('20'))]],
  ['8.3.2', 'a :status of 600', 'GET', [headers(1, status('600'))]],
  ['8.3', 'a pseudo-field of requests', 'GET', [headers(1, [...OK, [':path', '/']])]],
  ['8.3', ':status twice', 'GET', [headers(1, [...OK, ...OK])]],
  ['8.6', 'status 101', 'GET', [headers(1, status(101))]],
  ['8.1', 'an interim response that ends the stream', 'GET', [headers(1, status(100), END_STREAM)]],
  ['8.1', 'DATA before the head', 'GET', [data(1, 'a')]],
  ['8.1', 'DATA behind an interim response', 'GET', [headers(1, status(103)), data(1, 'a')]],
  ['8.2.2', 'Transfer-Encoding', 'GET', [headers(1, [...OK, ['transfer-encoding', 'chunked']])]],
  ['8.2.1', 'an upper-case name', 'GET', [headers(1, [...OK, ['Server', 'x']])]],
  ['8.1.1', 'a body for HEAD', 'HEAD', [headers(1, OK), data(1, 'a')]],
  ['8.1.1', 'a body for 204', 'GET', [headers(1, status(204)), data(1, 'a')]],
  ['8.1.1', 'a body for 304', 'GET', [headers(1, status(304)), data(1, 'a')]],
  ['8.1.1', 'less body than Content-Length', 'GET', [headers(1, [...OK, ['content-length', '1']], END_STREAM)]],
  ['8.1.1', 'more body than Content-Length', 'GET', [headers(1, [...OK, ['content-length', '1']]), data(1, 'ab')]],
];

describe('responses, RFC 9113 8', () => {
  it.each(REFUSED_RESPONSES)('%s refuses %s', (_, __, method, frames) => {
    const played = drive(startClient([method]), frames);
    expect(played.events.at(-1)).toBe('reset 1 PROTOCOL_ERROR by us');
    expect(played.output).toEqual(['RST_STREAM 1 PROTOCOL_ERROR']);
    expect(played.error).toBeUndefined();
  });

  it('8.1 takes interim responses, a body and trailers', () => {
    const played = drive(startClient(['GET']), [
      headers(1, status(100)),
      headers(1, status(103, ['link', 'x'])),
      headers(1, [...OK, ['content-length', '2']]),
      data(1, 'ab'),
      headers(1, [['grpc-status', '0']], END_STREAM),
    ]);
    expect(played.events).toEqual([
      'informational 1 100',
      'informational 1 103 {link: x}',
      'response 1 200 {content-length: 2}',
      'body 1 ab',
      'end 1 {grpc-status: 0}',
    ]);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 304],
  ])('RFC 9110 8.6 takes a Content-Length without body: %s, %i', (method, code) => {
    const played = drive(startClient([method]), [headers(1, status(code, ['content-length', '9']), END_STREAM)]);
    expect(played.events).toEqual([`response 1 ${code} {content-length: 9}`, 'end 1']);
  });

  it('8.5 lets any body follow a CONNECT that was accepted', () => {
    const client = startClient(['CONNECT']);
    const played = drive(client, [headers(1, OK), data(1, 'ab'), data(1, 'c', END_STREAM)]);
    expect(played.events).toEqual(['response 1 200', 'body 1 abc', 'end 1']);
  });

  it('limits interim responses', () => {
    const frames = Array.from({ length: 4 }, () => headers(1, status(103)));
    const played = drive(startClient(['GET'], { maxInformational: 3 }), frames);
    expect(played.events.at(-1)).toBe('reset 1 ENHANCE_YOUR_CALM by us');
  });
});
