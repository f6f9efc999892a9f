import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { Http2Upstream } from '../../../../../proxy/io/upstream/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import {
  cutFrames,
  data,
  describeFrame,
  headers,
  reset,
  settings,
} from '../../../../support/protocols/http2-frames.ts';
import { DEAF, outgoingGet } from '../../../../support/protocols/outgoing-request.ts';

const owner = { held: new ByteBudget(1_000_000), now: () => 5, closed: () => {} };
const ORIGIN = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: false };

test('a connection on which many calls were given up takes no more and is told of no more, and ends with its last call', async () => {
  const socket = new PassThrough();
  const upstream = new Http2Upstream(socket as unknown as Socket, ORIGIN, DEFAULT_LIMITS, owner);
  upstream.receive(settings());
  const streams = Array.from({ length: 20 }, () => upstream.stream());
  for (const stream of streams) stream.sendHead(outgoingGet(), DEAF);
  const written = (): string[] => cutFrames(socket.read() ?? Buffer.alloc(0)).map(describeFrame);
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
  streams[0]?.flush();
  await turn();
  socket.read();
  for (const stream of streams.slice(0, 19)) {
    expect(upstream.usable).toBe(streams.indexOf(stream) < 16);
    stream.release(false);
  }
  await turn();
  expect(written()).toEqual(Array.from({ length: 16 }, (_, at) => `RST_STREAM ${2 * at + 1} CANCEL`));
  // What it still says on the others is dropped, and what has a body is stopped.
  upstream.receive(Buffer.concat([headers(33, [[':status', '200']]), data(33, 'x')]));
  expect(written()).toEqual(['RST_STREAM 33 CANCEL']);
  expect(socket.destroyed).toBe(false);
  streams[19]?.release(false);
  await turn();
  expect(socket.destroyed).toBe(true);
});

test('calls that the upstream ends itself are none that were given up', () => {
  const upstream = new Http2Upstream(new PassThrough() as unknown as Socket, ORIGIN, DEFAULT_LIMITS, owner);
  upstream.receive(settings());
  for (let at = 0; at < 20; at += 1) {
    const stream = upstream.stream();
    stream.sendHead(outgoingGet(), DEAF);
    upstream.receive(reset(2 * at + 1));
    stream.release(false);
  }
  expect(upstream.usable).toBe(true);
  upstream.destroy();
});
