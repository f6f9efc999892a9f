import { expect } from 'vitest';
import { Flag, FrameType } from '../../proxy/protocols/http2/frames.ts';
import { answering, type ConformanceCase, must, OK } from './case.ts';
import type { FrameAgent } from './frame-agent.ts';
import {
  block,
  CLIENT_START,
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
} from '../support/http2-frames.ts';

const { CONTINUATION, DATA, GOAWAY, HEADERS, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE } = FrameType;

/** The agent breaks the connection's rules: GOAWAY with this code, and the connection ends (RFC 9113 5.4.1). */
function breaks(
  section: string,
  rule: string,
  code: string,
  send: (agent: FrameAgent) => readonly Buffer[],
): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(...send(agent));
    expect(await agent.broken()).toMatch(new RegExp(`^GOAWAY \\d+ ${code}$`));
  });
}

/** The agent breaks a stream's rules: that stream is reset with this code, a later one is served (RFC 9113 5.4.2). */
function resets(
  section: string,
  rule: string,
  code: string,
  send: (agent: FrameAgent) => readonly Buffer[],
): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(...send(agent));
    await agent.until(`RST_STREAM 1 ${code}`);
    const before = world.http1.received;
    expect(before).not.toContain('evil');
    agent.send(headers(5, agent.get(), END_STREAM));
    expect((await agent.whole(5)).status).toBe('200');
  });
}

/** What the agent does is no fault: its request on stream 1 is served. */
function serves(section: string, rule: string, send: (agent: FrameAgent) => readonly Buffer[]): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(...send(agent));
    expect((await agent.whole()).status).toBe('200');
  });
}

const CONNECTION: readonly ConformanceCase[] = [
  must('RFC 9113 3.4', 'a connection that does not begin with the preface is refused', async (world) => {
    const agent = await world.frames();
    agent.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'), settings());
    expect(await agent.broken()).toMatch(/PROTOCOL_ERROR/);
  }),
  must('RFC 9113 3.4', 'the first frame has to be SETTINGS', async (world) => {
    const agent = await world.frames();
    agent.send(CLIENT_START.subarray(0, 24), PING);
    expect(await agent.broken()).toMatch(/PROTOCOL_ERROR/);
  }),
  must('RFC 9113 3.4', "the proxy's own first frame is SETTINGS", async (world) => {
    const agent = await world.frames();
    agent.start();
    await agent.until('SETTINGS ACK');
    expect(agent.described[0]).toBe('SETTINGS');
  }),
  serves('4.1', 'the reserved bit is ignored', (agent) => [frame(HEADERS, 0x5, 0x8000_0001, block(agent.get()))]),
  serves('4.1', 'flags that a frame does not define are ignored', (agent) => [
    frame(HEADERS, 0x5 | 0xd2, 1, block(agent.get())),
  ]),
  breaks('4.2', 'a frame over SETTINGS_MAX_FRAME_SIZE', 'FRAME_SIZE_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    data(1, Buffer.alloc(16_385)),
  ]),
  breaks('4.3', 'a header block that cannot be decoded', 'COMPRESSION_ERROR', () => [
    frame(HEADERS, 0x5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
  ]),
  breaks('4.3', 'a header block in an index that is not there', 'COMPRESSION_ERROR', () => [
    frame(HEADERS, 0x5, 1, Buffer.from([0xfe])),
  ]),
  breaks('4.3', 'another frame inside a header block', 'PROTOCOL_ERROR', (agent) => [
    frame(HEADERS, 0, 1, block(agent.get())),
    PING,
  ]),
  breaks('4.3', 'a header block of another stream inside a header block', 'PROTOCOL_ERROR', (agent) => [
    frame(HEADERS, 0, 1, block(agent.get())),
    headers(3, agent.get(), END_STREAM),
  ]),
  serves('4.3', 'a header block in CONTINUATION frames', (agent) => {
    const bytes = block(agent.get());
    return [
      frame(HEADERS, END_STREAM, 1, bytes.subarray(0, 7)),
      frame(CONTINUATION, 0, 1, bytes.subarray(7, 9)),
      frame(CONTINUATION, 4, 1, bytes.subarray(9)),
    ];
  }),
  breaks('5.1', 'DATA on an idle stream', 'PROTOCOL_ERROR', () => [data(1, 'x')]),
  breaks('5.1', 'RST_STREAM on an idle stream', 'PROTOCOL_ERROR', () => [reset(1)]),
  breaks('5.1', 'WINDOW_UPDATE on an idle stream', 'PROTOCOL_ERROR', () => [windowUpdate(1, 1)]),
  must('RFC 9113 5.1', 'DATA behind END_STREAM', async (world) => {
    world.http1.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM), data(1, 'evil'));
    await agent.until('RST_STREAM 1 STREAM_CLOSED');
    expect(world.http1.received).not.toContain('evil');
  }),
  must('RFC 9113 5.1', 'HEADERS behind END_STREAM', async (world) => {
    world.http1.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM), headers(1, [['x-evil', '1']], END_STREAM));
    await agent.until('RST_STREAM 1 STREAM_CLOSED');
  }),
  serves('5.1', 'PRIORITY on an idle stream is no fault', (agent) => [
    frame(PRIORITY, 0, 7, Buffer.alloc(5)),
    headers(1, agent.get(), END_STREAM),
  ]),
  breaks('5.1.1', 'a stream with an even identifier', 'PROTOCOL_ERROR', (agent) => [
    headers(2, agent.get(), END_STREAM),
  ]),
  breaks('5.1.1', 'a stream that is lower than one before', '(?:PROTOCOL_ERROR|STREAM_CLOSED)', (agent) => [
    headers(5, agent.get(), END_STREAM),
    headers(3, agent.get(), END_STREAM),
  ]),
  must('RFC 9113 5.1.2', 'more streams than allowed are refused', async (world) => {
    world.http1.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(...Array.from({ length: 129 }, (_, at) => headers(2 * at + 1, agent.request('POST'))));
    await agent.until('RST_STREAM 257 REFUSED_STREAM');
  }),
  serves('5.5', 'frames of unknown type are ignored', (agent) => [
    frame(0xfa, 0xff, 0, 'abc'),
    headers(1, agent.get(), END_STREAM),
  ]),
  breaks('5.5', 'but not inside a header block', 'PROTOCOL_ERROR', (agent) => [
    frame(HEADERS, 0, 1, block(agent.get())),
    frame(0xfa, 0, 0, 'abc'),
  ]),
];

const FRAMES: readonly ConformanceCase[] = [
  breaks('6.1', 'DATA on stream 0', 'PROTOCOL_ERROR', () => [data(0, 'x')]),
  breaks('6.1', 'padding as long as DATA', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    frame(DATA, Flag.PADDED, 1, Buffer.from([4, 0, 0, 0])),
  ]),
  must('RFC 9113 6.1', 'padding is no part of the body', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(
      headers(1, agent.request('POST', ['content-length', '5'])),
      frame(DATA, Flag.PADDED | END_STREAM, 1, Buffer.from('\x02hello\0\0')),
    );
    expect((await agent.whole()).status).toBe('200');
    expect(world.http1.received).toMatch(/\r\n\r\nhello$/);
  }),
  breaks('6.2', 'HEADERS on stream 0', 'PROTOCOL_ERROR', (agent) => [headers(0, agent.get(), END_STREAM)]),
  breaks('6.2', 'padding as long as HEADERS', 'PROTOCOL_ERROR', () => [
    frame(HEADERS, 0x5 | Flag.PADDED, 1, Buffer.from([9, 0x82])),
  ]),
  serves('6.2', 'HEADERS with padding and a priority', (agent) => {
    const bytes = block(agent.get());
    return [
      frame(
        HEADERS,
        0x5 | Flag.PADDED | Flag.PRIORITY,
        1,
        Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), bytes, Buffer.alloc(3)]),
      ),
    ];
  }),
  breaks('6.3', 'PRIORITY on stream 0', 'PROTOCOL_ERROR', () => [frame(PRIORITY, 0, 0, Buffer.alloc(5))]),
  must('RFC 9113 6.3', 'PRIORITY that is not of 5 octets', async (world) => {
    world.http1.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.request('POST')), frame(PRIORITY, 0, 1, Buffer.alloc(4)));
    await agent.until('RST_STREAM 1 FRAME_SIZE_ERROR');
  }),
  breaks('6.4', 'RST_STREAM on stream 0', 'PROTOCOL_ERROR', () => [frame(RST_STREAM, 0, 0, uint32(8))]),
  breaks('6.4', 'RST_STREAM that is not of 4 octets', 'FRAME_SIZE_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    frame(RST_STREAM, 0, 1, 'abc'),
  ]),
  breaks('6.5', 'SETTINGS on a stream', 'PROTOCOL_ERROR', () => [frame(SETTINGS, 0, 1)]),
  breaks('6.5', 'SETTINGS that is no multiple of 6 octets', 'FRAME_SIZE_ERROR', () => [frame(SETTINGS, 0, 0, 'abcde')]),
  breaks('6.5', 'an acknowledgement with a payload', 'FRAME_SIZE_ERROR', () => [
    frame(SETTINGS, Flag.ACK, 0, Buffer.alloc(6)),
  ]),
  breaks('6.5.2', 'ENABLE_PUSH of 2', 'PROTOCOL_ERROR', () => [settings([2, 2])]),
  breaks('6.5.2', 'INITIAL_WINDOW_SIZE above 2^31-1', 'FLOW_CONTROL_ERROR', () => [settings([4, 0x8000_0000])]),
  breaks('6.5.2', 'MAX_FRAME_SIZE below 16,384', 'PROTOCOL_ERROR', () => [settings([5, 16_383])]),
  breaks('6.5.2', 'MAX_FRAME_SIZE above 2^24-1', 'PROTOCOL_ERROR', () => [settings([5, 16_777_216])]),
  serves('6.5.2', 'settings that are not known are ignored', (agent) => [
    settings([0xff, 1]),
    headers(1, agent.get(), END_STREAM),
  ]),
  must('RFC 9113 6.5.3', 'every SETTINGS is acknowledged', async (world) => {
    const agent = await world.frames();
    agent.start(settings([3, 100]), settings([3, 50]), PING);
    await agent.until('PING ACK');
    expect(agent.described.filter((one) => one === 'SETTINGS ACK')).toHaveLength(3);
  }),
  breaks('6.6', 'PUSH_PROMISE from an agent', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    frame(PUSH_PROMISE, 4, 1, Buffer.concat([uint32(2), block(agent.get())])),
  ]),
  must('RFC 9113 6.7', 'a PING is answered with what it said', async (world) => {
    const agent = await world.frames();
    agent.start(PING);
    await agent.until('PING ACK');
    expect(agent.frames.find(({ type }) => type === FrameType.PING)?.payload.toString()).toBe('12345678');
  }),
  must('RFC 9113 6.7', 'the answer to a PING is not answered', async (world) => {
    const agent = await world.frames();
    agent.start(frame(FrameType.PING, Flag.ACK, 0, '12345678'), PING);
    await agent.until('PING ACK');
    expect(agent.described.filter((one) => one.startsWith('PING'))).toEqual(['PING ACK']);
  }),
  breaks('6.7', 'PING on a stream', 'PROTOCOL_ERROR', () => [frame(FrameType.PING, 0, 1, '12345678')]),
  breaks('6.7', 'PING that is not of 8 octets', 'FRAME_SIZE_ERROR', () => [frame(FrameType.PING, 0, 0, '1234')]),
  breaks('6.8', 'GOAWAY on a stream', 'PROTOCOL_ERROR', () => [frame(GOAWAY, 0, 1, Buffer.alloc(8))]),
  breaks('6.9', 'WINDOW_UPDATE of 0 for the connection', 'PROTOCOL_ERROR', () => [windowUpdate(0, 0)]),
  resets('6.9', 'WINDOW_UPDATE of 0 for a stream', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    windowUpdate(1, 0),
  ]),
  breaks('6.9', 'WINDOW_UPDATE that is not of 4 octets', 'FRAME_SIZE_ERROR', () => [frame(WINDOW_UPDATE, 0, 0, 'abc')]),
  breaks('6.9.1', 'a connection window above 2^31-1', 'FLOW_CONTROL_ERROR', () => [windowUpdate(0, 0x7fff_ffff)]),
  resets('6.9.1', 'a stream window above 2^31-1', 'FLOW_CONTROL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    windowUpdate(1, 0x7fff_ffff),
  ]),
  must('RFC 9113 6.9.1', 'no more body is sent than the window lets', async (world) => {
    world.http1.script = answering(`HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz`);
    const agent = await world.frames();
    agent.start(settings([4, 10]), headers(1, agent.get(), END_STREAM));
    await agent.until('DATA 1 10');
    agent.send(PING);
    await agent.until('PING ACK');
    expect(agent.answer(1).body.toString()).toBe('abcdefghij');
    agent.send(windowUpdate(1, 16));
    expect((await agent.whole()).body.toString()).toBe('abcdefghijklmnopqrstuvwxyz');
  }),
  must('RFC 9113 6.9.2', 'a window that SETTINGS make smaller may fall below 0', async (world) => {
    world.http1.script = answering(`HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz`);
    const agent = await world.frames();
    agent.start(settings([4, 10]), headers(1, agent.get(), END_STREAM));
    await agent.until('DATA 1 10');
    agent.send(settings([4, 4]), windowUpdate(1, 6), PING);
    await agent.until('PING ACK');
    expect(agent.answer(1).body.length).toBe(10);
    agent.send(settings([4, 20]));
    expect((await agent.whole()).body.length).toBe(26);
  }),
  breaks('6.10', 'CONTINUATION without HEADERS', 'PROTOCOL_ERROR', (agent) => [
    frame(CONTINUATION, 4, 1, block(agent.get())),
  ]),
  breaks('6.10', 'CONTINUATION behind END_HEADERS', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    frame(CONTINUATION, 4, 1, block([['x', 'y']])),
  ]),
  breaks('6.10', 'CONTINUATION on stream 0', 'PROTOCOL_ERROR', (agent) => [
    frame(HEADERS, 0, 1, block(agent.get())),
    frame(CONTINUATION, 4, 0, ''),
  ]),
];

/** RFC 9113 8: a request that is malformed is a stream error, and reaches no upstream. */
function malformed(section: string, rule: string, make: (agent: FrameAgent) => Pairs): ConformanceCase {
  return resets(section, rule, 'PROTOCOL_ERROR', (agent) => [headers(1, make(agent), END_STREAM)]);
}

function without(pairs: Pairs, name: string): Pairs {
  return pairs.filter(([one]) => one !== name);
}

const REQUESTS: readonly ConformanceCase[] = [
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
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['cookie', 'a=b'], ['cookie', 'c=d']), END_STREAM));
    await agent.whole();
    expect(world.http1.received).toMatch(/\r\ncookie: a=b; c=d\r\n/i);
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
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['host', 'evil.test']), END_STREAM));
    expect((await agent.whole()).status).toBe('421');
    expect(world.http1.received).toBe('');
  }),
  must('RFC 9113 8.3.1', 'HTTP/1.1 gets Host from :authority, and one only', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['host', agent.authority]), END_STREAM));
    await agent.whole();
    expect(world.http1.received.match(/\r\nhost: [^\r]*/gi)).toEqual([
      expect.stringMatching(new RegExp(`host: ${agent.authority}$`, 'i')),
    ]);
  }),
  must('RFC 9113 8.2.2', 'no connection-specific field of HTTP/1.1 gets into HTTP/2', async (world) => {
    world.http1.script = answering(
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
    world.http1.script = answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n',
    );
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['te', 'trailers']), END_STREAM));
    expect((await agent.whole()).heads[1]?.get('x-sum')).toBe('2');
  }),
  malformed('8.5', 'CONNECT with a :path', (agent) => agent.request('CONNECT')),
  must('RFC 9113 8.5', 'CONNECT inside a tunnel opens nothing', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.frames();
    agent.start(
      headers(1, [
        [':method', 'CONNECT'],
        [':authority', agent.authority],
      ]),
    );
    await agent.until('HEADERS 1');
    expect(agent.answer(1).heads[0]?.get(':status')).toMatch(/^[45]/);
    expect(world.http1.connections).toBe(0);
  }),
  must('RFC 9113 8.6', 'no 101 of HTTP/1.1 gets into HTTP/2', async (world) => {
    world.http1.script = answering('HTTP/1.1 101 X\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n');
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    expect((await agent.whole()).status).toBe('502');
  }),
  must('RFC 9113 8.1', 'interim answers come before the final one', async (world) => {
    world.http1.script = answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    expect((await agent.whole()).heads.map((head) => head.get(':status'))).toEqual(['103', '200']);
  }),
  must('RFC 9113 10.5', 'a header list over the limit is refused', async (world) => {
    world.http1.script = answering(OK);
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

const EXTENDED_CONNECT: readonly ConformanceCase[] = [
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

export const RFC9113_AGENT: readonly ConformanceCase[] = [...CONNECTION, ...FRAMES, ...REQUESTS, ...EXTENDED_CONNECT];
