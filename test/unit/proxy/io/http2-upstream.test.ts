import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Http2Upstream } from '../../../../proxy/io/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

test('a stream that is given back without a request leaves its connection idle', () => {
  const owner = { now: () => 5, closed: () => {}, released: () => {} };
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, routesSince: 0, showsCertificate: false };
  const upstream = new Http2Upstream(new Socket(), origin, DEFAULT_LIMITS, owner);
  const stream = upstream.stream();
  expect(upstream.busy).toBe(true);
  stream.release(false);
  stream.release(false);
  expect(upstream.busy).toBe(false);
  expect(upstream.idleSince).toBe(5);
  upstream.destroy();
});

test('a stream whose connection died before its request is told so, and may be sent elsewhere', async () => {
  const owner = { now: () => 5, closed: () => {}, released: () => {} };
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, routesSince: 0, showsCertificate: false };
  const upstream = new Http2Upstream(new Socket(), origin, DEFAULT_LIMITS, owner);
  const stream = upstream.stream();
  upstream.destroy();
  const processed = await new Promise((resolve) => {
    const nothing = (): void => {};
    stream.sendHead(
      {
        method: 'GET',
        scheme: 'https',
        authority: 'api.test',
        target: '/',
        headers: new HeaderList(),
        length: 'none',
        acceptsTrailers: false,
        sensitive: new Set(),
      },
      {
        onInformational: nothing,
        onResponseHead: nothing,
        onResponseBody: nothing,
        onResponseEnd: nothing,
        onUpstreamDrain: nothing,
        onReadDone: nothing,
        onUpstreamError: (_error, failure) => resolve(failure.processed),
      },
    );
  });
  expect(processed).toBe('never');
  expect(upstream.busy).toBe(false);
});
