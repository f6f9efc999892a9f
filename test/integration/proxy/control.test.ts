import http from 'node:http';
import { duplexPair } from 'node:stream';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { type Revocation, RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import { REASONS } from '../../../proto/reasons.ts';
import {
  bearer,
  denial,
  grant,
  type ProxyWorld,
  route,
  SECRET,
  startProxyWorld,
} from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
afterEach(() => world.close());

function revocationOf(name: string, target: RevocationTarget): Revocation {
  return { id: 'r', target, name, at: new Date(), lifted: false };
}

describe('the proxy token', () => {
  test('is demanded, compared and never forwarded', async () => {
    world = await startProxyWorld({ config: { proxyToken: new Secret('token-of-this-agent') } });
    const bare = await world.agent();
    const refused = await bare.exchange(world.request('GET', '/'));
    expect(refused.status).toBe(407);
    expect(refused.headers.get('proxy-authenticate')).toContain('Basic');
    const basic = Buffer.from('agent:token-of-this-agent').toString('base64');
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/', [`Proxy-Authorization: Basic ${basic}`]));
    expect(answer.status).toBe(200);
    expect(world.upstream.seen).toHaveLength(1);
    expect(JSON.stringify(world.upstream.seen[0]?.rawHeaders)).not.toContain(basic);
  });
});

describe('a session of another user', () => {
  test('cuts what goes on for the one before, and not what begins in it', async () => {
    world = await startProxyWorld();
    world.client.speaksFor = { id: 'session-1', user: 'https://id.test#ann' };
    world.upstream.handle((_request, response) => response.write('streaming'));
    const [first, second] = [await world.agent(), await world.agent()];
    first.send(world.request('GET', '/a'));
    await first.until((text) => text.includes('streaming'));
    world.client.speaksFor = { id: 'session-2', user: 'https://id.test#ann' };
    world.client.setRoutes([...world.client.routes()]);
    world.client.speaksFor = { id: 'session-3', user: 'https://id.test#bob' };
    second.send(world.request('GET', '/b'));
    await second.until((text) => text.includes('streaming'));
    expect(first.socket.destroyed).toBe(false);
    world.client.setRoutes([...world.client.routes()]);
    await first.closed();
    // As that of the session that it went on in.
    expect(world.client.records).toMatchObject([
      { path: '/a', reason: 16, user: 'https://id.test#ann', sessionId: 'session-2' },
    ]);
    expect(second.socket.destroyed).toBe(false);
  });

  test.each([
    ['none', undefined],
    ['one', 'https://id.test#ann'],
  ])('cuts tunnels that nobody looks into: of %s before', async (_, user) => {
    world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
    world.client.speaksFor = { user };
    world.client.setRoutes([]);
    const agent = await world.agent();
    const to = `api.test:${world.upstream.httpPort}`;
    expect((await agent.exchange(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`, 'CONNECT')).status).toBe(200);
    agent.send(`GET / HTTP/1.1\r\nHost: ${to}\r\n\r\n`);
    await agent.until((text) => text.includes('hello'));
    world.client.speaksFor = { user: 'https://id.test#bob' };
    world.client.setRoutes([]);
    await agent.closed();
    expect(world.client.records).toMatchObject([{ method: 'CONNECT', reason: 16, user: user ?? '' }]);
  });
});

describe('evidence of another user', () => {
  test('cuts all that goes on, and is attested with', async () => {
    let isAnother = (): void => {};
    const onOtherUser = (listener: () => void) => {
      isAnother = listener;
      return () => {};
    };
    world = await startProxyWorld({ config: { onOtherUser } });
    world.upstream.handle((_request, response) => response.write('streaming'));
    const agent = await world.agent();
    agent.send(world.request('GET', '/a'));
    await agent.until((text) => text.includes('streaming'));
    isAnother();
    await agent.closed();
    expect(world.client.attestedAgain).toBe(1);
    expect(world.client.records).toMatchObject([{ reason: 16 }]);
  });
});

describe('revocation', () => {
  test('cuts a live stream that it concerns and leaves the others', async () => {
    world = await startProxyWorld();
    world.client.decide = (question) =>
      grant(question, bearer(SECRET), { accessPolicy: question.path === '/a' ? 'policy-a' : 'policy-b' });
    world.upstream.handle((_request, response) => response.write('streaming'));
    const cut = await world.agent();
    const kept = await world.agent();
    cut.send(world.request('GET', '/a'));
    kept.send(world.request('GET', '/b'));
    await cut.until((text) => text.includes('streaming'));
    await kept.until((text) => text.includes('streaming'));
    world.client.revoke(revocationOf('policy-a', RevocationTarget.REVOCATION_TARGET_POLICY));
    await cut.closed();
    expect(cut.received.toString().endsWith('0\r\n\r\n')).toBe(false);
    expect(world.client.records.map(({ path, reason }) => [path, reason])).toEqual([['/a', 11]]);
    expect(kept.socket.destroyed).toBe(false);
  });

  test('answers a call that still waits for the upstream with its reason', async () => {
    world = await startProxyWorld();
    let asked = false;
    world.upstream.handle(() => (asked = true));
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await until('the upstream was asked', () => asked);
    world.client.revoke(revocationOf('agent', RevocationTarget.REVOCATION_TARGET_WORKLOAD));
    const answer = await agent.answer();
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text).code).toBe('workload-revoked');
  });

  test('of a workload that the session was at attestation cuts a live stream whose grant no longer names it', async () => {
    world = await startProxyWorld();
    world.client.decide = (question) => {
      const answer = grant(question, bearer(SECRET));
      const binding = answer.kind === 'grant' ? answer.grant.binding : undefined;
      return grant(question, bearer(SECRET), { binding: binding && { ...binding, workloads: ['other'] } });
    };
    world.upstream.handle((_request, response) => response.write('streaming'));
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await agent.until((text) => text.includes('streaming'));
    world.client.revoke(revocationOf('third', RevocationTarget.REVOCATION_TARGET_WORKLOAD));
    expect(world.client.records).toEqual([]);
    world.client.revoke(revocationOf('agent', RevocationTarget.REVOCATION_TARGET_WORKLOAD));
    await agent.closed();
    expect(world.client.records.map(({ reason }) => reason)).toEqual([REASONS['workload-revoked'].number]);
  });

  test('a change of policy that denies a live stream cuts it', async () => {
    world = await startProxyWorld();
    world.upstream.handle((_request, response) => response.write('streaming'));
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await agent.until((text) => text.includes('streaming'));
    world.client.decide = () => denial('no-policy');
    world.client.setRoutes([route({ ports: [world.upstream.httpPort] })]);
    await agent.closed();
  });
});

describe('drain', () => {
  test('closes idle connections, lets a running call end, takes no more, then is gone', async () => {
    world = await startProxyWorld();
    let finish: (() => void) | undefined;
    world.upstream.handle((_request, response) => {
      response.write('first ');
      finish = () => response.end('last');
    });
    const idle = await world.agent();
    const busy = await world.agent();
    busy.send(world.request('GET', '/'));
    await busy.until((text) => text.includes('first'));
    const closed = world.proxy.close(20_000);
    await idle.closed();
    idle.destroy();
    await expect(world.agent()).rejects.toThrow();
    finish?.();
    expect((await busy.answer()).text).toBe('first last');
    await busy.closed();
    busy.destroy();
    await closed;
  });

  test('cuts what still runs at the deadline', async () => {
    world = await startProxyWorld();
    world.upstream.handle((_request, response) => response.write('going on'));
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await agent.until((text) => text.includes('going on'));
    await world.proxy.close(100);
    await agent.closed();
    expect(world.client.records.map(({ reason }) => reason)).toEqual([REASONS.draining.number]);
  });

  test('tells a call that still waits at the deadline why it ends', async () => {
    world = await startProxyWorld();
    world.upstream.handle(() => {});
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await until('the upstream was asked', () => world.upstream.connections() > 0);
    const closed = world.proxy.close(100);
    const answer = await agent.answer();
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([503, 'draining']);
    await closed;
  });

  test.each(['h2', 'http/1.1'])('does not wait for an agent whose handshake ends meanwhile (%s)', async (protocol) => {
    world = await startProxyWorld();
    const at = `api.test:${world.upstream.httpsPort}`;
    const agent = await world.agent();
    await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    agent.socket.removeAllListeners('data');
    // The last flight of the handshake stays with the agent until the drain has begun.
    const [ours, theirs] = duplexPair();
    agent.socket.on('data', (bytes: Buffer) => ours.write(bytes));
    let hold = false;
    const held: Buffer[] = [];
    ours.on('data', (bytes: Buffer) => {
      if (hold) held.push(bytes);
      else agent.socket.write(bytes);
      hold = true;
    });
    const options = { socket: theirs, ca: world.proxy.caPem, servername: 'api.test', ALPNProtocols: [protocol] };
    const secured = tls.connect(options);
    secured.on('error', () => {});
    await until('the agent has answered the handshake', () => held.length > 0);
    const ended = new Promise((resolve) => agent.socket.once('end', resolve));
    const closed = world.proxy.close(60_000);
    for (const bytes of held) agent.socket.write(bytes);
    hold = false;
    await ended;
    agent.destroy();
    await closed;
  });
});

describe('admin', () => {
  test('tells health, readiness and metrics without a secret', async () => {
    world = await startProxyWorld({ config: { admin: { host: '127.0.0.1', port: 0 } } });
    const agent = await world.agent();
    await agent.exchange(world.request('GET', '/'));
    const get = (path: string): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        http
          .get(`http://${world.proxy.adminAddress}${path}`, { agent: false }, async (response) => {
            let text = '';
            for await (const piece of response) text += piece;
            resolve({ status: response.statusCode ?? 0, text });
          })
          .on('error', reject);
      });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const metrics = await get('/metrics');
    expect(metrics.text).toContain('sidekey_decisions_total{outcome="allowed",reason="ok"} 1');
    expect(metrics.text).not.toContain(SECRET);
  });
});
