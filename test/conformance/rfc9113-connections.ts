import { expect } from 'vitest';
import { FrameType } from '../../proxy/protocols/http2/frames.ts';
import {
  block,
  CLIENT_START,
  data,
  END_STREAM,
  frame,
  headers,
  PING,
  reset,
  settings,
  windowUpdate,
} from '../support/protocols/http2-frames.ts';
import { must, type ConformanceCase } from './case.ts';
import { breaks, serves } from './frame-cases.ts';

const { CONTINUATION, HEADERS, PRIORITY } = FrameType;

/** RFC 9113 3 to 5: connections and streams. */
export const RFC9113_CONNECTIONS: readonly ConformanceCase[] = [
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
    world.secure.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM), data(1, 'evil'));
    await agent.until('RST_STREAM 1 STREAM_CLOSED');
    expect(world.secure.received).not.toContain('evil');
  }),
  must('RFC 9113 5.1', 'HEADERS behind END_STREAM', async (world) => {
    world.secure.script = (socket) => void socket.on('data', () => {});
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
    world.secure.script = (socket) => void socket.on('data', () => {});
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
