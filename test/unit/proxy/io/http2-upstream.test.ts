import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Http2Upstream } from '../../../../proxy/io/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';

test('a stream that is given back without a request leaves its connection idle', () => {
  const owner = { now: () => 5, closed: () => {}, released: () => {} };
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, routesSince: 0 };
  const upstream = new Http2Upstream(new Socket(), origin, DEFAULT_LIMITS, owner);
  const stream = upstream.stream();
  expect(upstream.busy).toBe(true);
  stream.release(false);
  stream.release(false);
  expect(upstream.busy).toBe(false);
  expect(upstream.idleSince).toBe(5);
  upstream.destroy();
});
