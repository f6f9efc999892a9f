import http from 'node:http';
import { duplexPair } from 'node:stream';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { type Revocation, RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { bearer, denial, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/proxy-world.ts';
import { secureRaw } from '../../support/raw-agent.ts';
import { startRawUpstream } from '../../support/upstream.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
afterEach(() => world.close());

function revocationOf(name: string, target: RevocationTarget = RevocationTarget.REVOCATION_TARGET_SESSION): Revocation {
  return { id: 'r', target, name, at: new Date(), lifted: false };
}

describe('hosts without a route', () => {
  test('tunnel: bytes pass untouched to the upstream, whose own certificate the agent sees', async () => {
    world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
    const at = `other.test:${world.upstream.httpsPort}`;
    const plain = await world.agent();
    await plain.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    const { agent } = await secureRaw(plain.socket, { ca: world.upstream.caPem, servername: 'other.test' });
    const answer = await agent.exchange(`GET /own HTTP/1.1\r\nHost: ${at}\r\nAuthorization: Bearer own\r\n\r\n`);
    expect(answer.text).toBe('hello');
    expect(world.upstream.seen[0]?.headers.authorization).toBe('Bearer own');
    agent.destroy();
    await until('the tunnel was recorded', () => world.client.records.length > 0);
    expect(world.client.records[0]).toMatchObject({
      method: 'CONNECT',
      outcome: 1,
      destination: { host: 'other.test' },
    });
  });

  test.each([
    [
      'its host gets a route',
      (w: ProxyWorld) => w.client.setRoutes([route({ hosts: ['other.test'], ports: [w.upstream.httpsPort] })]),
    ],
    ['the session is revoked', (w: ProxyWorld) => w.client.revoke(revocationOf('session-1'))],
  ])('tunnel: an open one is cut when %s', async (_when, act) => {
    world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
    const at = `other.test:${world.upstream.httpsPort}`;
    const plain = await world.agent();
    await plain.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    const { agent } = await secureRaw(plain.socket, { ca: world.upstream.caPem, servername: 'other.test' });
    await agent.exchange(`GET /own HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect(world.client.records).toEqual([]);
    act(world);
    await until('the tunnel was cut', () => world.client.records.length > 0);
    await until('the agent notices', () => agent.socket.destroyed || agent.socket.readableEnded);
    expect(world.client.records[0]).toMatchObject({ method: 'CONNECT', outcome: 3 });
  });

  const connect = async (host: string, port: number) => {
    const agent = await world.agent();
    const answer = await agent.exchange(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`, 'CONNECT');
    return answer.status === 200 ? 'ok' : JSON.parse(answer.text).code;
  };

  test('tunnel: none is opened in a revoked session', async () => {
    world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
    world.client.revokedFor = 'tenant-revoked';
    expect(await connect('other.test', world.upstream.httpsPort)).toBe('tenant-revoked');
    world.client.revokedFor = undefined;
    expect(await connect('other.test', world.upstream.httpsPort)).toBe('ok');
    expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 2 }]);
  });

  test.each([
    ['a revocation', 'session-revoked', (w: ProxyWorld) => w.client.revoke(revocationOf('session-1'))],
    [
      'a route to its host',
      'no-policy',
      (w: ProxyWorld) => w.client.setRoutes([route({ hosts: ['other.test'], ports: [w.upstream.httpsPort] })]),
    ],
  ])('tunnel: %s ends one that is being opened', async (_what, reason, act) => {
    world = await startProxyWorld({
      config: { unrouted: 'tunnel' },
      allowLoopback: true,
      lookup: () => {
        act(world);
        return ['127.0.0.1'];
      },
    });
    expect(await connect('other.test', world.upstream.httpsPort)).toBe(reason);
    expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 3 }]);
  });

  test('tunnel: what the agent says at once and while the host is dialled arrives whole, however much it is', async () => {
    let sent = '';
    const say = (text: string): void => {
      sent += text;
      plain.socket.write(text);
    };
    world = await startProxyWorld({
      config: { unrouted: 'tunnel' },
      allowLoopback: true,
      lookup: () => {
        say('more'.repeat(5_000));
        return ['127.0.0.1'];
      },
    });
    let received = '';
    const upstream = await startRawUpstream((socket) => socket.on('data', (bytes) => (received += bytes.toString())));
    const plain = await world.agent();
    const at = `other.test:${upstream.port}`;
    plain.socket.write(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n${'first'.repeat(5_000)}`);
    sent += 'first'.repeat(5_000);
    await until('all has arrived', () => received.length >= sent.length && sent.length === 45_000);
    expect(received).toBe(sent);
    plain.destroy();
    await upstream.close();
  });

  test('tunnel: one that stands still is closed', async () => {
    const limits = { bodyIdleTimeoutMs: 200 };
    world = await startProxyWorld({ config: { unrouted: 'tunnel', limits }, allowLoopback: true });
    const still = await startRawUpstream(() => {});
    const agent = await world.agent();
    const at = `other.test:${still.port}`;
    await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    await agent.closed();
    await until('it is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([{ method: 'CONNECT', outcome: 3 }]);
    await still.close();
  });

  test('tunnel: an upstream that is not there is a failure, not a denial', async () => {
    world = await startProxyWorld({ config: { unrouted: 'tunnel' }, allowLoopback: true });
    expect(await connect('other.test', 1)).toBe('connect-failed');
    expect(await connect('nowhere.test', 443)).toBe('dns-failed');
    expect(world.client.records.map(({ outcome }) => outcome)).toEqual([3, 3]);
  });

  test('tunnel: refused addresses stay refused', async () => {
    world = await startProxyWorld({ config: { unrouted: 'tunnel' } });
    const at = `other.test:${world.upstream.httpsPort}`;
    const agent = await world.agent();
    const answer = await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    expect(JSON.parse(answer.text).code).toBe('address-refused');
  });

  test('observe: calls pass without a credential and are recorded one by one', async () => {
    world = await startProxyWorld({ config: { unrouted: 'observe' }, allowLoopback: true });
    const { agent } = await world.tlsAgent('other.test');
    const head = `Host: other.test:${world.upstream.httpsPort}\r\nAuthorization: Bearer own\r\nX-Forwarded-User: root\r\n\r\n`;
    expect((await agent.exchange(`GET /seen HTTP/1.1\r\n${head}`)).text).toBe('hello');
    expect(world.upstream.seen[0]?.headers.authorization).toBe('Bearer own');
    expect(world.upstream.seen[0]?.headers['x-forwarded-user']).toBeUndefined();
    expect(world.client.records[0]).toMatchObject({ path: '/seen', outcome: 1, serverWorkload: '' });
  });
});

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
