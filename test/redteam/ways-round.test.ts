import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  bearer,
  denial,
  grant,
  type ProxyWorld,
  route,
  SECRET,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

test.each(['TRACE', 'TRACK'])('A-04 %s never reaches the upstream', async (method) => {
  const agent = await world.agent();
  const answer = await agent.exchange(world.request(method, '/', ['X-Probe: 1']));
  expect(answer.status).toBe(405);
  expect(agent.received.includes('X-Probe')).toBe(false);
  expect(world.upstream.connections()).toBe(0);
});

test('A-04 OPTIONS goes without the credential, and Max-Forwards: 0 is answered here', async () => {
  const agent = await world.agent();
  expect((await agent.exchange(world.request('OPTIONS', '/'))).status).toBe(200);
  expect(world.upstream.seen[0]?.headers.authorization).toBeUndefined();
  expect((await agent.exchange(world.request('OPTIONS', '/', ['Max-Forwards: 0']))).status).toBe(200);
  expect(world.upstream.seen).toHaveLength(1);
  await agent.exchange(world.request('OPTIONS', '/', ['Max-Forwards: 3']));
  expect(world.upstream.seen[1]?.headers['max-forwards']).toBe('2');
});

test('A-06 a redirect is given to the agent, and its target is a decision of its own', async () => {
  world.client.setRoutes([
    route({ ports: [world.upstream.httpPort] }),
    route({ serverWorkload: 'other', hosts: ['other.test'], ports: [world.upstream.httpPort] }),
  ]);
  world.client.decide = (question) =>
    question.destination.host === 'api.test' ? grant(question, bearer(SECRET)) : denial('no-policy');
  const to = `http://other.test:${world.upstream.httpPort}/stolen`;
  world.upstream.handle(async (request, response) => {
    await world.upstream.note(request);
    response.writeHead(302, { location: to }).end();
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/'));
  expect(answer.status).toBe(302);
  expect(world.upstream.seen).toHaveLength(1);
  const followed = await agent.exchange(`GET ${to} HTTP/1.1\r\nHost: other.test:${world.upstream.httpPort}\r\n\r\n`);
  expect(followed.status).toBe(403);
  expect(world.upstream.seen).toHaveLength(1);
});

test('A-10 ways round the proxy are taken out of answers', async () => {
  world.upstream.handle((_request, response) => void response.writeHead(200, { 'alt-svc': 'h3=":443"' }).end('ok'));
  const answer = await (await world.agent()).exchange(world.request('GET', '/'));
  expect(answer.text).toBe('ok');
  expect(answer.headers.has('alt-svc')).toBe(false);
});
