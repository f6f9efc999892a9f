import type net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type ConformanceWorld, startConformanceWorld } from '../../conformance/world.ts';
import { FrameType } from '../../../proxy/protocols/http2/frames.ts';
import { FrameUpstream } from '../../support/upstreams/frame-upstream.ts';
import { END_STREAM, frame, headers, uint32 } from '../../support/protocols/http2-frames.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

/** Envoy ends a connection, with all calls on it, for 250 that were given up within a second; others for a thousand, or for 20 at once. */
const TOO_MANY = 20;
const AT_ONCE = 50;
/** A table of the kernel that changes while it is read may show no end at first: the proxy looks again after four seconds. */
const SECOND_LOOK_MS = 20_000;

let world: ConformanceWorld;
afterEach(() => world.close());

async function ask(line: string): Promise<RawAgent> {
  const at = `plain.test:${world.http2.port}`;
  const [method, path] = line.split(' ');
  return (await world.agent()).send(`${method} https://${at}${path} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
}

/** What answers each call that waits, by its path, at an upstream that ends a connection for more resets. */
async function start(
  maxResets: number,
  end: (socket: net.Socket, frames: FrameUpstream) => void,
): Promise<Map<string, () => void>> {
  world = await startConformanceWorld();
  const asked = new Map<string, () => void>();
  world.http2.script = (socket) => {
    let resets = 0;
    const frames = new FrameUpstream(socket, () => {});
    frames.onFrame = ({ type, stream }) => {
      if (type === FrameType.RST_STREAM && ++resets > maxResets) end(socket, frames);
      if (type !== FrameType.HEADERS) return;
      asked.set(frames.head(stream).get(':path') ?? '', () => {
        frames.send(headers(stream, [[':status', '204']], END_STREAM));
      });
    };
  };
  return asked;
}

test('calls that agents give up do not cost others the connection that they share', async () => {
  const asked = await start(TOO_MANY, (socket) => socket.destroy());
  const innocent = await ask('POST /innocent');
  await until('the innocent call waits', () => asked.has('/innocent'));
  const paths = Array.from({ length: AT_ONCE }, (_, at) => `/given-up/${at}`);
  const agents = await Promise.all(paths.map((path) => ask(`GET ${path}`)));
  await until('they wait', () => paths.every((path) => asked.has(path)));
  for (const agent of agents) agent.destroy();
  await until('they are recorded', () => world.proxy.client.records.length === AT_ONCE, SECOND_LOOK_MS);
  expect(world.http2.connections).toBe(1);
  const next = await ask('GET /next');
  await until('the next call waits', () => asked.has('/next'));
  expect(world.http2.connections).toBe(2);
  asked.get('/innocent')?.();
  expect((await innocent.answer()).status).toBe(204);
  await until('with its last call, the connection ends', () => world.http2.sockets.size === 1);
  asked.get('/next')?.();
  expect((await next.answer()).status).toBe(204);
});

test('where a few were too much already, others are not hurt by them again', async () => {
  // As Tomcat does.
  const asked = await start(2, (socket, frames) => {
    frames.send(frame(FrameType.GOAWAY, 0, 0, uint32(1_001, 11)));
    socket.end();
  });
  const giveUp = async (paths: readonly string[]): Promise<void> => {
    for (const path of paths) {
      const before = world.proxy.client.records.length;
      const agent = await ask(`GET ${path}`);
      await until('it waits', () => asked.has(path));
      agent.destroy();
      await until('it is recorded', () => world.proxy.client.records.length > before, SECOND_LOOK_MS);
    }
  };
  await ask('POST /hurt');
  await until('it waits', () => asked.has('/hurt'));
  await giveUp(['/1', '/2', '/3']);
  await until('the connection is gone', () => world.http2.sockets.size === 0);
  const innocent = await ask('POST /innocent');
  await until('it waits', () => asked.has('/innocent'));
  await giveUp(['/4', '/5', '/6', '/7', '/8', '/9']);
  asked.get('/innocent')?.();
  expect((await innocent.answer()).status).toBe(204);
}, 120_000);
