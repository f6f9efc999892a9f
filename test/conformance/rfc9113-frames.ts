import { expect } from 'vitest';
import { Flag, FrameType } from '../../proxy/protocols/http2/frames.ts';
import {
  block,
  data,
  END_STREAM,
  frame,
  headers,
  PING,
  settings,
  uint32,
  windowUpdate,
} from '../support/protocols/http2-frames.ts';
import { answering, must, OK, type ConformanceCase } from './case.ts';
import { breaks, resets, serves } from './frame-cases.ts';

const { CONTINUATION, DATA, GOAWAY, HEADERS, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE } = FrameType;

/** RFC 9113 6: each type of frame. */
export const RFC9113_FRAMES: readonly ConformanceCase[] = [
  breaks('6.1', 'DATA on stream 0', 'PROTOCOL_ERROR', () => [data(0, 'x')]),
  breaks('6.1', 'padding as long as DATA', 'PROTOCOL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    frame(DATA, Flag.PADDED, 1, Buffer.from([4, 0, 0, 0])),
  ]),
  must('RFC 9113 6.1', 'padding is no part of the body', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(
      headers(1, agent.request('POST', ['content-length', '5'])),
      frame(DATA, Flag.PADDED | END_STREAM, 1, Buffer.from('\x02hello\0\0')),
    );
    expect((await agent.whole()).status).toBe('200');
    expect(world.secure.received).toMatch(/\r\n\r\nhello$/);
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
    world.secure.script = (socket) => void socket.on('data', () => {});
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
    world.secure.script = answering(`HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz`);
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
    world.secure.script = answering(`HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz`);
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
