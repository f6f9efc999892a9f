import http from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REASONS } from '../../../proto/reasons.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

/** What a CONNECT may say beside its target (RFC 9110 7.2, 9.3.6). */

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

async function statusFor(host: string): Promise<number> {
  const agent = await world.agent();
  const target = `api.test:${world.upstream.httpsPort}`;
  return (await agent.exchange(`CONNECT ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'CONNECT')).status;
}

test("node's http.request as it is names the proxy itself", async () => {
  const status = await new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port: world.proxy.address.port,
      method: 'CONNECT',
      path: `api.test:${world.upstream.httpsPort}`,
      agent: false,
    });
    request.on('connect', ({ statusCode }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    request.on('error', reject);
    request.end();
  });
  expect(status).toBe(200);
});

test("the proxy's own name, or the target's, and no other", async () => {
  const { port } = world.proxy.address;
  const target = world.upstream.httpsPort;
  for (const host of [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    `LocalHost:${port}`,
    `api.test:${target}`,
    'api.test',
  ]) {
    expect([host, await statusFor(host)]).toEqual([host, 200]);
  }
  for (const host of [
    `127.0.0.1:${target}`,
    `127.0.0.2:${port}`,
    `other.test:${port}`,
    `other.test:${target}`,
    `api.test:${port}`,
    'localhost',
  ]) {
    expect([host, await statusFor(host)]).toEqual([host, 421]);
  }
  const refused = {
    reason: REASONS['destination-mismatch'].number,
    method: 'CONNECT',
    destination: { host: 'api.test', port: target },
  };
  expect(world.client.records).toMatchObject(Array(6).fill(refused));
});

test.each([
  ['of HTTP/1.0 names no host', 'HTTP/1.0\r\n\r\n'],
  ['of WinINet says that it has no content', 'HTTP/1.0\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n'],
])('one %s', async (_what, rest) => {
  const agent = await world.agent();
  const target = `api.test:${world.upstream.httpPort}`;
  expect((await agent.exchange(`CONNECT ${target} ${rest}`, 'CONNECT')).status).toBe(200);
  agent.send(`GET /v1 HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  await agent.until((text) => text.endsWith('hello'));
});

test('a request that names no place of its own is recorded with that of its connection', async () => {
  const agent = await world.agent();
  const target = `api.test:${world.upstream.httpPort}`;
  await agent.exchange(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, 'CONNECT');
  agent.send(`GET /a%2Fb HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  await until('it is recorded', () => world.client.records.length > 0);
  expect(world.client.records).toMatchObject([
    {
      reason: REASONS['path-refused'].number,
      method: 'GET',
      destination: { scheme: 'http', host: 'api.test', port: world.upstream.httpPort },
      path: '',
    },
  ]);
});
