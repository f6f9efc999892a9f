import { expect } from 'vitest';
import { FrameType } from '../../proxy/protocols/http2/frames.ts';
import { data, END_STREAM, headers, PING, type Pairs } from '../support/protocols/http2-frames.ts';
import { answering, must, OK, type ConformanceCase } from './case.ts';
import { resets, serves, malformed } from './frame-cases.ts';

const { SETTINGS } = FrameType;

function without(pairs: Pairs, name: string): Pairs {
  return pairs.filter(([one]) => one !== name);
}

/** RFC 9113 8: requests as streams. */
export const RFC9113_REQUESTS: readonly ConformanceCase[] = [
  resets('8.1', 'trailers that do not end the stream', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    headers(1, [['x', 'y']]),
  ]),
  resets('8.1', 'a pseudo-field in trailers', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    headers(1, [[':path', '/evil']], END_STREAM),
  ]),
  resets('8.1.1', 'less content than Content-Length', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST', ['content-length', '5'])),
    data(1, 'abc', END_STREAM),
  ]),
  resets('8.1.1', 'more content than Content-Length', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST', ['content-length', '2'])),
    data(1, 'abc', END_STREAM),
  ]),
  malformed('8.1.1', 'a Content-Length without content', (agent) => agent.request('POST', ['content-length', '2'])),
  malformed('8.1.1', 'two Content-Length fields', (agent) =>
    agent.request('POST', ['content-length', '0'], ['content-length', '0']),
  ),
  ...['X-Evil', 'x evil', 'x\0', 'x:y', ''].map((name) =>
    malformed('8.2.1', `the field name ${JSON.stringify(name)}`, (agent) => agent.get([name, 'evil'])),
  ),
  ...['a\0b', 'a\rb', 'a\nevil: b', ' a', 'a ', '\ta'].map((value) =>
    malformed('8.2.1', `the field value ${JSON.stringify(value)}`, (agent) => agent.get(['x-evil', value])),
  ),
  ...(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'] as const).map((name) =>
    malformed('8.2.2', `the connection-specific field ${name}`, (agent) => agent.get([name, 'close'])),
  ),
  malformed('8.2.2', 'TE with other than trailers', (agent) => agent.get(['te', 'gzip'])),
  serves('8.2.2', 'TE with trailers', (agent) => [headers(1, agent.get(['te', 'trailers']), END_STREAM)]),
  must('RFC 9113 8.2.3', 'Cookie crumbs are joined for HTTP/1.1', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['cookie', 'a=b'], ['cookie', 'c=d']), END_STREAM));
    await agent.whole();
    expect(world.secure.received).toMatch(/\r\ncookie: a=b; c=d\r\n/i);
  }),
  malformed('8.3', 'a pseudo-field behind a regular one', (agent) => [
    ...without(agent.get(['x', 'y']), ':path'),
    [':path', '/evil'],
  ]),
  malformed('8.3', 'an unknown pseudo-field', (agent) => [[':evil', '1'], ...agent.get()]),
  malformed('8.3', 'a pseudo-field of answers', (agent) => [[':status', '200'], ...agent.get()]),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    malformed('8.3.1', `${name} twice`, (agent) => [
      [name, agent.get().find(([one]) => one === name)?.[1] ?? ''],
      ...agent.get(),
    ]),
  ),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    malformed('8.3.1', `no ${name}`, (agent) => without(agent.get(), name)),
  ),
  malformed('8.3.1', 'an empty :path', (agent) => [...without(agent.get(), ':path'), [':path', '']]),
  malformed('8.3.1', 'a :path without a slash', (agent) => [...without(agent.get(), ':path'), [':path', 'evil']]),
  malformed('8.3.1', 'user information in :authority', (agent) => [
    ...without(agent.get(), ':authority'),
    [':authority', `a@${agent.authority}`],
  ]),
  must('RFC 9113 8.3.1', 'a Host that differs from :authority is refused', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['host', 'evil.test']), END_STREAM));
    expect((await agent.whole()).status).toBe('421');
    expect(world.secure.received).toBe('');
  }),
  must('RFC 9113 8.3.1', 'HTTP/1.1 gets Host from :authority, and one only', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['host', agent.authority]), END_STREAM));
    await agent.whole();
    expect(world.secure.received.match(/\r\nhost: [^\r]*/gi)).toEqual([
      expect.stringMatching(new RegExp(`host: ${agent.authority}$`, 'i')),
    ]);
  }),
  must('RFC 9113 8.2.2', 'no connection-specific field of HTTP/1.1 gets into HTTP/2', async (world) => {
    world.secure.script = answering(
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    );
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    const { heads, body } = await agent.whole();
    expect(
      [...(heads[0]?.keys() ?? [])].filter((name) => /connection|x-hop|keep-alive|transfer-encoding|[A-Z]/.test(name)),
    ).toEqual([]);
    expect(body.toString()).toBe('ok');
  }),
  must('RFC 9113 8.1', 'trailers of HTTP/1.1 arrive behind the body', async (world) => {
    world.secure.script = answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n',
    );
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['te', 'trailers']), END_STREAM));
    expect((await agent.whole()).heads[1]?.get('x-sum')).toBe('2');
  }),
  malformed('8.5', 'CONNECT with a :path', (agent) => agent.request('CONNECT')),
  must('RFC 9113 8.5', 'CONNECT inside a tunnel opens nothing', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(
      headers(1, [
        [':method', 'CONNECT'],
        [':authority', agent.authority],
      ]),
    );
    await agent.until('HEADERS 1');
    expect(agent.answer(1).heads[0]?.get(':status')).toMatch(/^[45]/);
    expect(world.secure.connections).toBe(0);
  }),
  must('RFC 9113 8.6', 'no 101 of HTTP/1.1 gets into HTTP/2', async (world) => {
    world.secure.script = answering('HTTP/1.1 101 X\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n');
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    expect((await agent.whole()).status).toBe('502');
  }),
  must('RFC 9113 8.1', 'interim answers come before the final one', async (world) => {
    world.secure.script = answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    expect((await agent.whole()).heads.map((head) => head.get(':status'))).toEqual(['103', '200']);
  }),
  must('RFC 9113 10.5', 'a header list over the limit is refused', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(
      headers(
        1,
        agent.get(...Array.from({ length: 3 }, (_, at) => [`x-${at}`, 'v'.repeat(5_000)] as const), ['x-evil', 'v']),
        END_STREAM,
      ),
    );
    expect((await agent.whole()).status).toBe('200');
    const many = Array.from({ length: 200 }, (_, at) => [`x-${at}`, 'v'] as const);
    agent.send(headers(3, agent.get(...many), END_STREAM));
    await agent.until('RST_STREAM 3 ENHANCE_YOUR_CALM');
  }),
];

/** RFC 8441: extended CONNECT. */
export const RFC8441: readonly ConformanceCase[] = [
  must('RFC 8441 4', ':protocol with another method than CONNECT is malformed', async (world) => {
    const agent = await world.frames();
    agent.start(headers(1, [...agent.get(), [':protocol', 'websocket']], END_STREAM));
    await agent.until('RST_STREAM 1 PROTOCOL_ERROR');
  }),
  must('RFC 8441 4', ':protocol is malformed unless the proxy said that it takes it', async (world) => {
    const agent = await world.frames();
    agent.start(PING);
    await agent.until('PING ACK');
    const own = agent.frames.find(({ type, flags }) => type === SETTINGS && flags === 0)?.payload ?? Buffer.alloc(0);
    const offered = Array.from({ length: own.length / 6 }, (_, at) => own.readUInt16BE(6 * at)).includes(8);
    agent.send(headers(1, [...agent.request('CONNECT'), [':protocol', 'unheard-of']]));
    if (offered) await agent.until('HEADERS 1');
    else await agent.until('RST_STREAM 1 PROTOCOL_ERROR');
    expect(agent.answer(1).heads[0]?.get(':status') ?? '400').toMatch(/^[45]/);
  }),
];
