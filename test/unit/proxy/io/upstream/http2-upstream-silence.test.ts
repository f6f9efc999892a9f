import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { Http2Upstream } from '../../../../../proxy/io/upstream/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { data, END_STREAM, headers, PING, settings } from '../../../../support/protocols/http2-frames.ts';
import { DEAF, outgoingGet } from '../../../../support/protocols/outgoing-request.ts';

const SILENT_MS = DEFAULT_LIMITS.tlsHandshakeTimeoutMs;
const ANSWER = Buffer.concat([headers(1, [[':status', '200']]), data(1, 'x', END_STREAM)]);

test.each([
  ['given up in time', SILENT_MS - 1, undefined, true],
  ['given up after a silence', SILENT_MS, undefined, false],
  ['given up, but the upstream still speaks', SILENT_MS, PING, true],
  ['answered, and read late', SILENT_MS + 5, ANSWER, true],
  ['given up after a silence behind some words', SILENT_MS + 5, PING, false],
] as const)('a call that is %s: may others follow on its connection', (_, afterMs, heard, expected) => {
  let now = 0;
  const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => done() }) as unknown as Socket;
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: false };
  const owner = { held: new ByteBudget(1_000_000), now: () => now, closed: () => {} };
  const upstream = new Http2Upstream(socket, origin, DEFAULT_LIMITS, owner);
  upstream.receive(settings());
  const stream = upstream.stream();
  stream.sendHead(outgoingGet(), DEAF);
  if (heard !== undefined) {
    now = 5;
    upstream.receive(Buffer.from(heard));
  }
  now = afterMs;
  stream.release(heard === ANSWER);
  expect(upstream.usable).toBe(expected);
  upstream.destroy();
});
