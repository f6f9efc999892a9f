import { expect } from 'vitest';
import { Flag, FrameType } from '../../proxy/protocols/http2/frames.ts';
import {
  block,
  data,
  END_STREAM,
  frame,
  headers,
  PING,
  reset,
  settings,
  uint32,
  windowUpdate,
} from '../support/protocols/http2-frames.ts';
import { answering, type ConformanceCase, must, OK } from './case.ts';
import type { FrameAgent } from './frame-agent.ts';
import { breaks, serves } from './frame-cases.ts';
import type { ConformanceWorld } from './world.ts';

const { HEADERS, PRIORITY } = FrameType;
const MOST = 2 ** 31 - 1;

/** An agent whose stream 1 the proxy has reset, since trailers did not end it. */
async function resetByProxy(world: ConformanceWorld): Promise<FrameAgent> {
  world.secure.script = answering(OK);
  const agent = await world.frames();
  agent.start(headers(1, agent.request('POST')), headers(1, [['x-sum', '1']]));
  await agent.until('RST_STREAM 1 PROTOCOL_ERROR');
  return agent;
}

/** A stream that has been answered; what comes for it then is no fault. */
function ignored(section: string, rule: string, late: readonly Buffer[]): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    await agent.whole();
    agent.send(...late, headers(3, agent.get(), END_STREAM));
    expect((await agent.whole(3)).status).toBe('200');
    expect(agent.described.filter((one) => /^(?:RST_STREAM|GOAWAY)/.test(one))).toEqual([]);
  });
}

/** RFC 9113 5.1 and what follows from it: frames for a stream that is over. */
const OVER: readonly ConformanceCase[] = [
  must('RFC 9113 5.1', 'DATA for a stream that was reset counts for the connection alone', async (world) => {
    const agent = await resetByProxy(world);
    let window = 65_535;
    agent.onFrame = ({ type, stream, payload }) => {
      if (type === FrameType.WINDOW_UPDATE && stream === 0) window += payload.readUInt32BE(0);
    };
    for (const { type, stream, payload } of agent.frames)
      if (type === FrameType.WINDOW_UPDATE && stream === 0) window += payload.readUInt32BE(0);
    for (let sent = 0; sent < 4 * 1_048_576; sent += 16_384) {
      if (window < 16_384) {
        for (let tries = 0; window < 16_384 && tries < 400; tries += 1)
          await new Promise((done) => setTimeout(done, 5));
        if (window < 16_384) throw new Error(`no more window after ${sent} octets`);
      }
      window -= 16_384;
      agent.send(data(1, Buffer.alloc(16_384)));
    }
    agent.send(headers(3, agent.get(), END_STREAM));
    expect((await agent.whole(3)).status).toBe('200');
  }),
  must('RFC 9113 4.3', 'a header block for a stream that was reset changes the table all the same', async (world) => {
    const agent = await resetByProxy(world);
    agent.send(frame(HEADERS, Flag.END_HEADERS | END_STREAM, 1, block([['x-kept', 'in the table']], 0x40)));
    agent.send(frame(HEADERS, 0x5, 3, Buffer.concat([block(agent.get()), Buffer.from([0xbe])])));
    expect((await agent.whole(3)).status).toBe('200');
    expect(world.secure.received).toContain('x-kept: in the table\r\n');
  }),
  must('RFC 9113 5.4.2', 'RST_STREAM is never answered by RST_STREAM', async (world) => {
    world.secure.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.request('POST')), reset(1), PING);
    await agent.until('PING ACK');
    expect(agent.described.filter((one) => one.startsWith('RST_STREAM'))).toEqual([]);
  }),
  ignored('6.9', 'WINDOW_UPDATE for a stream that is over', [windowUpdate(1, 5)]),
  ignored('5.1', 'RST_STREAM for a stream that is over', [reset(1)]),
  ignored('5.1', 'PRIORITY for a stream that is over', [frame(PRIORITY, 0, 1, Buffer.alloc(5))]),
  must('RFC 9113 7', 'an error code that nobody knows is as any other', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.request('POST')), reset(1, 0xdead_beef), headers(3, agent.get(), END_STREAM));
    expect((await agent.whole(3)).status).toBe('200');
  }),
];

/** RFC 9113 6.5.3 and 6.9: windows, and the settings that move them. */
const WINDOWS: readonly ConformanceCase[] = [
  serves('6.5.3', 'of two values for one setting the last holds', (agent) => [
    settings([4, 0], [4, 65_535]),
    headers(1, agent.get(), END_STREAM),
  ]),
  serves('4.3.1', 'an agent that keeps no table', (agent) => [settings([1, 0]), headers(1, agent.get(), END_STREAM)]),
  must('RFC 9113 4.3.1', 'nothing is sent out of a table that the agent does not keep', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(settings([1, 0]), PING);
    await agent.until('PING ACK');
    for (const stream of [1, 3]) {
      agent.send(headers(stream, agent.get(), END_STREAM));
      await agent.whole(stream);
    }
    const [first, second] = agent.frames.filter(({ type }) => type === HEADERS);
    // 6.3 of RFC 7541: the size is set to 0 before the first field; 6.1: no index lies beyond the static table.
    expect(first?.payload[0]).toBe(0x20);
    expect([...(second?.payload ?? [])][0]).toBe(0x88);
    const date = second?.payload.indexOf(Buffer.from([0xbe])) ?? 0;
    expect(date).toBe(-1);
  }),
  breaks('6.9.2', 'SETTINGS that lift a window above 2^31-1', 'FLOW_CONTROL_ERROR', (agent) => [
    headers(1, agent.request('POST')),
    windowUpdate(1, MOST - 65_535),
    settings([4, 65_536]),
  ]),
  must('RFC 9113 6.9.1', 'more than the window of a stream allows', async (world) => {
    world.secure.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.request('POST')), ...Array.from({ length: 400 }, () => data(1, Buffer.alloc(16_384))));
    await agent.until('RST_STREAM 1 FLOW_CONTROL_ERROR');
  }),
  must('RFC 9113 6.9.1', 'an empty DATA frame needs no window', async (world) => {
    world.secure.script = answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
    const agent = await world.frames();
    agent.start(settings([4, 0]), headers(1, agent.get(), END_STREAM));
    expect((await agent.whole()).status).toBe('200');
  }),
  breaks('6.8', 'GOAWAY that is too short', 'FRAME_SIZE_ERROR', () => [frame(FrameType.GOAWAY, 0, 0, uint32(0))]),
];

export const RFC9113_AFTER_THE_END: readonly ConformanceCase[] = [...OVER, ...WINDOWS];
