import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../common/byte-budget.ts';
import type { ResponseListener } from '../../../../proxy/http/streams.ts';
import { UpstreamConnection } from '../../../../proxy/io/upstream-connection.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx');
const METHODS = ['onResponseHead', 'onResponseBody', 'onResponseEnd', 'onReadDone'] as const;

test.each(METHODS)('a fault of ours in %s ends its exchange, not the process', (method) => {
  const owner = { held: new ByteBudget(1), now: () => 0, closed: () => {}, released: () => {} };
  const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, routesSince: 0, showsCertificate: false };
  const connection = new UpstreamConnection(new Socket(), origin, DEFAULT_LIMITS, owner);
  const reasons: string[] = [];
  const nothing = (): void => {};
  const listener: ResponseListener = {
    onInformational: nothing,
    onResponseHead: nothing,
    onResponseBody: nothing,
    onResponseEnd: nothing,
    onUpstreamDrain: nothing,
    onReadDone: nothing,
    onUpstreamError: ({ reason }) => reasons.push(reason),
  };
  listener[method] = () => {
    throw new TypeError('a bug');
  };
  const request = {
    method: 'GET',
    scheme: 'https',
    authority: 'api.test',
    target: '/',
    headers: new HeaderList(),
    length: 'none',
    acceptsTrailers: false,
    sensitive: new Set<string>(),
  } as const;
  connection.sendHead(request, listener);
  // The last read of an answer ends it; before, each read is followed by its end.
  connection.receive(method === 'onReadDone' ? ANSWER.subarray(0, 30) : ANSWER);
  expect(reasons).toEqual(['internal-error']);
  expect(connection.usable).toBe(false);
});
