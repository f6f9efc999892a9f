import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../common/byte-budget.ts';
import type { ResponseListener } from '../../../../proxy/http/streams.ts';
import { Http2Upstream } from '../../../../proxy/io/upstream/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';
import { DEAF, outgoingGet } from '../../../support/protocols/outgoing-request.ts';
import { agentSide } from '../../../support/protocols/http2-agent-side.ts';
import { CLIENT_START, data, END_STREAM, headers, POST, settings } from '../../../support/protocols/http2-frames.ts';
import { turnEnd } from '../../../support/turn-end.ts';
import { silentUpstream } from '../../../support/upstreams/silent-upstream.ts';

/** What waited for a slow side goes to it as fast as it takes it, not all at once: it would be held there as well, and let as much again come. */

const PIECE_BYTES = 16_000;
const PIECES = 14;
/** What one read of a socket brings, and a frame. */
const MOST_AT_ONCE = 65_536 + PIECE_BYTES;

test('an answer that waited for a slow agent', () => {
  const owner = { held: new ByteBudget(64_000_000), now: () => 5, closed: () => {} };
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: false };
  const upstream = new Http2Upstream(new Socket(), origin, DEFAULT_LIMITS, owner);
  upstream.receive(settings());
  let told = 0;
  let hasEnded = false;
  const stream = upstream.stream();
  stream.sendHead(outgoingGet(), {
    ...DEAF,
    onResponseBody: (bytes) => (told += bytes.length),
    onReadDone: () => stream.pause(),
    onResponseEnd: () => (hasEnded = true),
  });
  upstream.receive(headers(1, [[':status', '200']]));
  for (let piece = 0; piece < PIECES; piece += 1) upstream.receive(data(1, Buffer.alloc(PIECE_BYTES)));
  upstream.receive(data(1, '', END_STREAM));
  expect(told).toBe(0);
  for (let turn = 0; turn < PIECES; turn += 1) {
    const before = told;
    stream.resume();
    expect(told - before).toBeLessThan(MOST_AT_ONCE);
  }
  expect([told, hasEnded]).toEqual([PIECES * PIECE_BYTES, true]);
  upstream.destroy();
});

test('a request that waited for a slow upstream', async () => {
  let told = 0;
  let hasEnded = false;
  const heard: ResponseListener[] = [];
  const upstream = silentUpstream({
    sendHead: (_request, listener) => void heard.push(listener),
    sendBody: (bytes) => void (told += bytes.length),
    sendEnd: () => void (hasEnded = true),
    flush: () => false,
  });
  const side = agentSide({ http2: { ...DEFAULT_LIMITS.http2, streamWindowBytes: 1_000_000 } }, upstream);
  side.socket.push(Buffer.concat([CLIENT_START, headers(1, POST)]));
  await turnEnd();
  for (let piece = 0; piece < PIECES; piece += 1) side.socket.push(data(1, Buffer.alloc(PIECE_BYTES)));
  side.socket.push(data(1, '', END_STREAM));
  await turnEnd();
  const [listener] = heard;
  for (let turn = 0; turn < PIECES; turn += 1) {
    const before = told;
    listener?.onUpstreamDrain();
    expect(told - before).toBeLessThan(MOST_AT_ONCE);
    await turnEnd();
  }
  expect([told, hasEnded]).toEqual([PIECES * PIECE_BYTES, true]);
});
