import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bearer, denial, grant, type ProxyWorld, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

describe('absolute-form', () => {
  test('is allowed, injected, forwarded and recorded', async () => {
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/v1/items?a=1', ['Authorization: Bearer placeholder']));
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('hello');
    const [seen] = world.upstream.seen;
    expect(seen?.target).toBe('/v1/items?a=1');
    expect(seen?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect(seen?.headers.host).toBe(`api.test:${world.upstream.httpPort}`);
    expect(seen?.headers.via).toContain('sidekey');
    const [record] = world.client.records;
    expect(record).toMatchObject({ method: 'GET', path: '/v1/items', status: 200, grantId: 'grant-1', outcome: 1 });
    expect(record?.removedCredentials).toEqual(['header:authorization']);
  });

  test('a denial is a problem that names its reason, and the connection goes on', async () => {
    world.client.decide = (question) =>
      question.method === 'DELETE' ? denial('rule-denied') : grant(question, bearer(SECRET));
    const agent = await world.agent();
    const denied = await agent.exchange(world.request('DELETE', '/v1'));
    expect(denied.status).toBe(403);
    expect(denied.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(denied.text)).toMatchObject({ code: 'rule-denied', decisionId: world.client.records[0]?.id });
    expect(denied.headers.get('proxy-status')).toContain('rule-denied');
    expect((await agent.exchange(world.request('GET', '/v1'))).status).toBe(200);
    expect(world.upstream.seen).toHaveLength(1);
  });

  test('an answer that comes later is waited for', async () => {
    world.client.decide = async (question) => {
      await new Promise((resolve) => setImmediate(resolve));
      return grant(question, bearer(SECRET));
    };
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('POST', '/v1', ['Content-Length: 4'], 'body'));
    expect(answer.status).toBe(200);
    expect(world.upstream.seen[0]?.body.toString()).toBe('body');
  });

  test('HTTP/1.0 gets its answer without chunks, and the end of its connection', async () => {
    world.upstream.handle((_request, response) => {
      response.write('one ');
      response.end('two');
    });
    const agent = await world.agent();
    const answer = await agent.exchange(
      `GET http://api.test:${world.upstream.httpPort}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`,
    );
    expect(answer.headers.get('connection')).toBe('close');
    expect(answer.headers.has('transfer-encoding')).toBe(false);
    expect(answer.text).toBe('one two');
  });
});

describe('CONNECT', () => {
  test('is intercepted, injected and answered over TLS', async () => {
    const { agent, tls } = await world.tlsAgent();
    expect(tls.authorized).toBe(true);
    const host = `api.test:${world.upstream.httpsPort}`;
    for (let call = 0; call < 3; call += 1) {
      const answer = await agent.exchange(`GET /v1/${call} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer.text).toBe('hello');
    }
    expect(world.upstream.seen.map(({ secure, target }) => [secure, target])).toEqual([
      [true, '/v1/0'],
      [true, '/v1/1'],
      [true, '/v1/2'],
    ]);
    expect(world.upstream.seen[2]?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect(world.upstream.connections()).toBe(1);
  });

  test('carries HTTP without TLS when the agent speaks it', async () => {
    const agent = await world.agent();
    const at = `api.test:${world.upstream.httpPort}`;
    expect((await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT')).status).toBe(200);
    agent.send(`GET /inner HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    await agent.until((text) => text.endsWith('hello\r\n0\r\n\r\n') || text.endsWith('hello'));
    expect(world.upstream.seen[0]?.target).toBe('/inner');
  });

  test('TLS that the agent sends ahead of the 200 is not lost', async () => {
    const agent = await world.agent();
    const at = `api.test:${world.upstream.httpPort}`;
    agent.send(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\nGET /early HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    await agent.until((text) => text.includes('hello'));
    expect(world.upstream.seen[0]?.target).toBe('/early');
  });

  test('sessions are resumed on both sides', async () => {
    const host = `api.test:${world.upstream.httpsPort}`;
    const first = await world.tlsAgent();
    const ticket = new Promise<Buffer>((resolve) => first.tls.once('session', resolve));
    await first.agent.exchange(`GET /1 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const session = await ticket;
    first.agent.destroy();
    world.upstream.closeConnections();
    const second = await world.tlsAgent('api.test', world.upstream.httpsPort, { session });
    expect(second.tls.isSessionReused()).toBe(true);
    await second.agent.exchange(`GET /2 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(world.upstream.seen.map(({ resumed }) => resumed)).toEqual([false, true]);
  });

  test('a host without a route is refused inside its tunnel, where agents can read why, and nothing is dialled', async () => {
    const { agent } = await world.tlsAgent('unknown.test', 443);
    const answer = await agent.exchange('GET /1 HTTP/1.1\r\nHost: unknown.test\r\n\r\n');
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text).code).toBe('no-route');
    expect(world.lookups).toEqual([]);
  });
});
