import { afterEach, expect, test } from 'vitest';
import { type ConformanceWorld, startConformanceWorld } from '../../conformance/world.ts';
import { FrameType } from '../../../proxy/protocols/http2/frames.ts';
import { FrameUpstream } from '../../support/frame-upstream.ts';
import { END_STREAM, headers } from '../../support/http2-frames.ts';
import type { RawAgent } from '../../support/raw-agent.ts';
import { until } from '../../support/until.ts';

/** Envoy ends a connection, with all calls on it, for 250 that were given up within a second; others for a thousand, or for 20 at once. */
const TOO_MANY = 20;
const AT_ONCE = 50;

let world: ConformanceWorld;
afterEach(() => world.close());

async function ask(line: string): Promise<RawAgent> {
  const at = `plain.test:${world.http2.port}`;
  const [method, path] = line.split(' ');
  return (await world.agent()).send(`${method} https://${at}${path} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
}

test('calls that agents give up do not cost others the connection that they share', async () => {
  world = await startConformanceWorld();
  const asked = new Map<string, () => void>();
  world.http2.script = (socket) => {
    let resets = 0;
    const frames = new FrameUpstream(socket, () => {});
    frames.onFrame = ({ type, stream }) => {
      if (type === FrameType.RST_STREAM && ++resets > TOO_MANY) socket.destroy();
      if (type !== FrameType.HEADERS) return;
      asked.set(frames.head(stream).get(':path') ?? '', () => {
        frames.send(headers(stream, [[':status', '204']], END_STREAM));
      });
    };
  };
  const innocent = await ask('POST /innocent');
  await until('the innocent call waits', () => asked.has('/innocent'));
  const paths = Array.from({ length: AT_ONCE }, (_, at) => `/given-up/${at}`);
  const agents = await Promise.all(paths.map((path) => ask(`GET ${path}`)));
  await until('they wait', () => paths.every((path) => asked.has(path)));
  for (const agent of agents) agent.destroy();
  await until('they are recorded', () => world.proxy.client.records.length === AT_ONCE);
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
