import { afterEach, expect, test, vi } from 'vitest';
import { RequestBody } from '../../../proxy/http/request/request-body.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

let world: ProxyWorld | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await world?.close();
});

const { fromAgent } = RequestBody.prototype;

test.each([
  ['more than its head says', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
  ['less than its head says', (bytes: Buffer) => bytes.subarray(1)],
])('should the proxy ever send %s, no other request follows on that connection', async (_, changed) => {
  const { agent, upstream, request, logged } = (world = await startProxyWorld());
  const call = async () => (await agent()).exchange(request('PUT', '/', ['Content-Length: 4'], 'body'));
  expect((await call()).status).toBe(200);
  vi.spyOn(RequestBody.prototype, 'fromAgent').mockImplementation(function (this: RequestBody, bytes: Buffer) {
    fromAgent.call(this, changed(bytes));
  });
  const answer = await call();
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, 'internal-error']);
  expect(logged()).toMatch(/UpstreamConnection.*a call failed within the proxy/);
  vi.restoreAllMocks();
  expect((await call()).status).toBe(200);
  expect(upstream.seen.map(({ body }) => String(body))).toEqual(['body', 'body']);
});
