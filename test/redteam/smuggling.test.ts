import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Question } from '../../policy-client/index.ts';
import { noteQuestions, type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
let asked: Question[];
beforeEach(async () => {
  world = await startProxyWorld();
  asked = noteQuestions(world);
});
afterEach(() => world.close());

const untouched = (): void => {
  expect(world.upstream.connections()).toBe(0);
  expect(world.upstream.seen).toEqual([]);
};

describe('A-13 smuggling', () => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n';
  test.each([
    ['CL and TE', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['TE and CL', ['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${smuggled}`],
    ['two lengths', ['Content-Length: 0', 'Content-Length: 50'], smuggled],
    ['two equal lengths', ['Content-Length: 5', 'Content-Length: 5'], 'hello'],
    ['a list of lengths', ['Content-Length: 5, 5'], 'hello'],
    ['a signed length', ['Content-Length: +5'], 'hello'],
    ['a hexadecimal length', ['Content-Length: 0x5'], 'hello'],
    ['an empty length', ['Content-Length:'], smuggled],
    ['a length in words', ['Content-Length: 5 5'], 'hello'],
    ['a coding that is not chunked', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
    ['chunked twice', ['Transfer-Encoding: chunked, chunked'], `0\r\n\r\n${smuggled}`],
    ['two codings', ['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${smuggled}`],
    ['identity', ['Transfer-Encoding: identity'], smuggled],
    ['chunked behind a tab', ['Transfer-Encoding:\x0bchunked'], `0\r\n\r\n${smuggled}`],
    ['two Transfer-Encodings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${smuggled}`],
    ['a space before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${smuggled}`],
    ['a folded line', ['X-A: b', ' Transfer-Encoding: chunked'], smuggled],
    ['a bare LF', ['X-A: b\nTransfer-Encoding: chunked'], smuggled],
    ['a bare CR', ['X-A: b\rTransfer-Encoding: chunked'], smuggled],
    ['NUL in a value', ['X-A: b\0c'], ''],
    ['a line without a colon', ['NoColon'], ''],
    ['an empty name', [': value'], ''],
  ])('%s', async (_name, headers, body) => {
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('POST', '/', headers, body));
    expect(answer.status).toBe(400);
    const received = await agent.closed();
    expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(asked).toEqual([]);
    untouched();
  });

  test.each([
    ['an extension', '5;x=y\r\nhello\r\n0\r\n\r\n'],
    ['a space behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond 64 bits', 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n'],
    ['bare LF', '5\nhello\n0\n\n'],
    ['a chunk longer than it says', '4\r\nhello\r\n0\r\n\r\n'],
    ['Transfer-Encoding in trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['Authorization in trailers', '0\r\nAuthorization: Bearer mine\r\n\r\n'],
  ])('chunks with %s', async (_name, body) => {
    const agent = await world.agent();
    agent.send(world.request('POST', '/', ['Transfer-Encoding: chunked'], body) + smuggled);
    expect((await agent.answer('POST')).status).toBe(400);
    await agent.closed();
    expect(world.upstream.seen).toEqual([]);
  });

  test.each([
    'GET http://api.test/ HTTP/1.2',
    'GET http://api.test/ HTTP/2.0',
    'GET http://api.test/ HTTP/0.9',
    'GET http://api.test/',
    'GET  http://api.test/ HTTP/1.1',
    'GET http://api.test/ x HTTP/1.1',
    'GET\thttp://api.test/ HTTP/1.1',
    'G@T http://api.test/ HTTP/1.1',
  ])('the request line %j', async (line) => {
    const agent = await world.agent();
    expect((await agent.exchange(`${line}\r\nHost: api.test\r\n\r\n`)).status).toBe(400);
    untouched();
  });

  test('Transfer-Encoding in HTTP/1.0', async () => {
    const agent = await world.agent();
    const head = `POST http://api.test:${world.upstream.httpPort}/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect((await agent.exchange(`${head}0\r\n\r\n`)).status).toBe(400);
    untouched();
  });

  test('a body is never read as a request, however often it looks like one', async () => {
    const agent = await world.agent();
    const body = smuggled.repeat(3);
    await agent.exchange(world.request('POST', '/', [`Content-Length: ${body.length}`], body));
    await agent.exchange(world.request('GET', '/next'));
    expect(world.upstream.seen.map(({ target }) => target)).toEqual(['/', '/next']);
    expect(world.upstream.seen[0]?.body.toString()).toBe(body);
  });
});
