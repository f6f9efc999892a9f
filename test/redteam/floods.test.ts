import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { answering, OK, write } from '../conformance/case.ts';
import { FrameUpstream } from '../support/upstreams/frame-upstream.ts';
import { type ConformanceWorld, startConformanceWorld } from '../conformance/world.ts';
import { FrameType } from '../../proxy/protocols/http2/frames.ts';
import {
  block,
  data,
  END_STREAM,
  frame,
  headers,
  PING,
  reset,
  settings,
  windowUpdate,
} from '../support/protocols/http2-frames.ts';

// Floods of HTTP/2 against the running proxy, from its agent and from its upstream.
const MANY = 5_000;
const { CONTINUATION, HEADERS, PRIORITY } = FrameType;

let world: ConformanceWorld;
beforeAll(async () => {
  world = await startConformanceWorld({ bodyIdleTimeoutMs: 1_000 });
});
beforeEach(() => world.reset());
afterAll(() => world.close());

/** The proxy goes on for others. */
async function expectAlive(): Promise<void> {
  world.secure.script = answering(OK);
  // The upstream, which is in this process, may still be busy with what the flood had it do.
  const call = async (): Promise<string | undefined> => {
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    return (await agent.whole()).status;
  };
  await expect.poll(call, { timeout: 60_000 }).toBe('200');
}

function times(count: number, make: (at: number) => Buffer): Buffer[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

describe('A-53 floods of an agent end its connection, and no other', { timeout: 120_000 }, () => {
  test('rapid reset (CVE-2023-44487), of which few calls reach the upstream', async () => {
    world.secure.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(
      ...times(MANY, (at) => Buffer.concat([headers(2 * at + 1, agent.get(), END_STREAM), reset(2 * at + 1)])),
    );
    expect(await agent.broken()).toMatch(/ENHANCE_YOUR_CALM/);
    expect(world.secure.connections).toBeLessThanOrEqual(256);
    await expectAlive();
  });

  test('resets that it provokes (CVE-2025-8671)', async () => {
    world.secure.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(
      ...times(MANY, (at) => Buffer.concat([headers(2 * at + 1, agent.request('POST')), windowUpdate(2 * at + 1, 0)])),
    );
    expect(await agent.broken()).toMatch(/ENHANCE_YOUR_CALM/);
    await expectAlive();
  });

  test('CONTINUATION without end (CVE-2024-27316)', async () => {
    const agent = await world.frames();
    const part = block([['x-a', 'a'.repeat(1_000)]]);
    agent.start(frame(HEADERS, 0, 1, block(agent.get())), ...times(MANY, () => frame(CONTINUATION, 0, 1, part)));
    expect(await agent.broken()).toMatch(/ENHANCE_YOUR_CALM/);
    await expectAlive();
  });

  test.each([
    ['SETTINGS (CVE-2019-9515)', settings([4, 65_535])],
    ['PING (CVE-2019-9512)', PING],
    ['PRIORITY (CVE-2019-9513)', frame(PRIORITY, 0, 1, '12345')],
    ['empty DATA (CVE-2019-9518)', data(1, '')],
    ['WINDOW_UPDATE', windowUpdate(1, 1)],
    ['frames of no known type', frame(0x42, 0, 0)],
  ])('%s', async (_name, one) => {
    world.secure.script = (socket) => void socket.on('data', () => {});
    const agent = await world.frames();
    agent.start(headers(1, agent.request('POST')), ...times(MANY, () => one));
    expect(await agent.broken()).toMatch(/ENHANCE_YOUR_CALM/);
    await expectAlive();
  });

  test('a header list that is small on the wire and large in memory', async () => {
    const agent = await world.frames();
    // One entry of 3 KB into the table, then referred to a thousand times (RFC 7541 6.2.1, 6.1; 62 is the newest).
    const entry = block([['x-bomb', 'a'.repeat(3_000)]], 0x40);
    const bomb = Buffer.concat([block(agent.get()), entry, Buffer.alloc(1_000, 0x80 | 62)]);
    agent.start(frame(HEADERS, 0x5, 1, bomb));
    await agent.until('RST_STREAM 1 ENHANCE_YOUR_CALM');
    expect(world.secure.received).toBe('');
    await expectAlive();
  });

  test('a window that never opens (CVE-2019-9517) holds its call no longer than a body may pause', async () => {
    world.secure.script = answering(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'a'.repeat(1_000_000)}`);
    const agent = await world.frames();
    agent.start(settings([4, 0]), headers(1, agent.get(), END_STREAM));
    await agent.until('RST_STREAM 1');
    expect(agent.answer(1).body).toHaveLength(0);
    await expectAlive();
  });
});

describe('A-53 floods of an upstream end the call', { timeout: 120_000 }, () => {
  test.each([
    ['SETTINGS', settings([4, 65_535])],
    ['PING', PING],
    ['CONTINUATION', frame(CONTINUATION, 0, 1, block([['x-a', 'a'.repeat(1_000)]]))],
    ['empty DATA', data(1, '')],
    ['interim answers', headers(1, [[':status', '103']])],
    ['pushes', frame(FrameType.PUSH_PROMISE, 4, 1, Buffer.from([0, 0, 0, 2, 0x82]))],
  ])('%s', async (name, one) => {
    const upstreams: FrameUpstream[] = [];
    world.http2.script = (socket) => {
      const upstream = new FrameUpstream(socket, (stream) => {
        if (name === 'CONTINUATION') upstream.send(frame(HEADERS, 0, stream, block([[':status', '200']])));
        if (name === 'empty DATA') upstream.send(headers(stream, [[':status', '200']]));
        upstream.send(...times(MANY, () => one));
      });
      upstreams.push(upstream);
    };
    const at = `plain.test:${world.http2.port}`;
    const agent = await world.agent();
    agent.send(write(world, { line: `GET https://${at}/ HTTP/1.1`, host: `Host: ${at}` }));
    if (name === 'empty DATA') await agent.closed();
    else expect((await agent.answer()).status).toBe(502);
    expect(upstreams).toHaveLength(1);
    // What it had not read yet of the flood makes this end a reset, which GOAWAY may not survive.
    await upstreams[0]?.broken();
    await expectAlive();
  });
});
