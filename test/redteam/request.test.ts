import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import type { GrantAnswer, Question } from '../../policy-client/index.ts';
import type { Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { TlsMode } from '../../proto/gen/sidekey/v1/route.ts';
import {
  bearer,
  denial,
  grant,
  noteQuestions,
  type ProxyWorld,
  route,
  SECRET,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';
import { until } from '../support/until.ts';

let world: ProxyWorld;
let asked: Question[];
beforeEach(async () => {
  world = await startProxyWorld();
  asked = noteQuestions(world);
});
afterEach(() => world.close());

const code = (text: string): string => JSON.parse(text).code;
const untouched = (): void => {
  expect(world.upstream.connections()).toBe(0);
  expect(world.upstream.seen).toEqual([]);
};

test('A-09 an upgrade to h2c is not agreed to, nor told to the upstream', async () => {
  const agent = await world.agent();
  const wish = ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
  const answer = await agent.exchange(world.request('GET', '/', wish));
  expect(answer.status).toBe(200);
  expect(JSON.stringify(world.upstream.seen)).not.toMatch(/h2c|upgrade|http2-settings/i);
});

test.each(['TLS/1.2', 'h2c, TLS/1.2'])('A-09 an upgrade to %s is refused', async (protocol) => {
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/', [`Upgrade: ${protocol}`, 'Connection: upgrade']));
  expect(code(answer.text)).toBe('upgrade-refused');
  untouched();
});

test.each(['token\r\nX-Admin: 1', 'token-with\nnewline', 'token-with\0nul', 'token with space', 'tokén-with-é'])(
  'A-14 a credential that would break its header is refused: %j',
  async (token) => {
    world.client.decide = (question) => grant(question, bearer(token));
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/'));
    expect(code(answer.text)).toBe('credential-invalid');
    expect(answer.text).not.toContain('token');
    untouched();
  },
);

test('A-15 what Connection names is stripped before the credential goes in, never after', async () => {
  const agent = await world.agent();
  await agent.exchange(
    world.request('GET', '/', ['Connection: Authorization, X-Hop, Host', 'X-Hop: 1', 'TE: trailers']),
  );
  const headers = world.upstream.seen[0]?.headers;
  expect(headers?.authorization).toBe(`Bearer ${SECRET}`);
  expect(headers?.host).toBe(`api.test:${world.upstream.httpPort}`);
  expect(headers).not.toHaveProperty('x-hop');
  expect(headers).not.toHaveProperty('te');
});

test('A-16 A-38 what the agent sends as a credential is removed everywhere, and reported', async () => {
  const agent = await world.agent();
  await agent.exchange(
    world.request('GET', '/?access_token=mine&page=2&API_KEY=mine&api%5Fkey=mine', [
      'Authorization: Bearer mine-1',
      'authorization: Basic mine-2',
      'X-Api-Key: mine-3',
      'X_Api_Key: mine-4',
      'Cookie: session=mine-5',
      'PRIVATE-TOKEN: mine-6',
      'Proxy-Authorization: Basic mine-7',
    ]),
  );
  const [seen] = world.upstream.seen;
  expect(JSON.stringify(seen)).not.toContain('mine');
  expect(seen?.target).toBe('/?page=2');
  expect(seen?.rawHeaders.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1);
  expect(seen?.headers.authorization).toBe(`Bearer ${SECRET}`);
  const removed = world.client.records[0]?.removedCredentials ?? [];
  for (const place of [
    'header:authorization',
    'header:x-api-key',
    'header:cookie',
    'query:access_token',
    'query:api_key',
  ]) {
    expect(removed).toContain(place);
  }
  expect(JSON.stringify(world.client.records)).not.toContain('mine');
});

test('A-16 the places that the route names are removed too', async () => {
  const ports = [world.upstream.httpPort];
  world.client.setRoutes([route({ ports, credentialHeaders: ['X-Own'], credentialQueryParameters: ['own'] })]);
  const value = Buffer.from(SECRET);
  const injection: Injection = { kind: { $case: 'query', value: { name: 'own', value } } };
  world.client.decide = (question) => grant(question, injection);
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/?own=mine&a=1', ['X-OWN: mine']));
  expect(answer.status).toBe(200);
  const [seen] = world.upstream.seen;
  expect(JSON.stringify(seen)).not.toContain('mine');
  const query = new URLSearchParams(seen?.target.split('?')[1]);
  expect(query.getAll('own')).toEqual([SECRET]);
});

test('A-20 A-22 a grant serves the call it was given for and no other', async () => {
  const ports = [world.upstream.httpPort];
  world.client.setRoutes([route({ ports }), route({ serverWorkload: 'other', hosts: ['other.test'], ports })]);
  let first: GrantAnswer | undefined;
  world.client.decide = (question) => {
    const answer = first ?? grant(question, bearer(SECRET));
    if (answer.kind === 'grant') first = answer;
    return answer;
  };
  const agent = await world.agent();
  expect((await agent.exchange(world.request('GET', '/'))).status).toBe(200);
  const at = `other.test:${world.upstream.httpPort}`;
  const host = await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect(code(host.text)).toBe('binding-mismatch');
  expect(code((await agent.exchange(world.request('POST', '/', ['Content-Length: 0']))).text)).toBe('binding-mismatch');
  expect(world.upstream.seen).toHaveLength(1);
});

test('A-22 every question carries host, port and method, and the facts that the route names', async () => {
  const agent = await world.agent();
  await agent.exchange(world.request('GET', '/a?x=1', ['X-Fact: 1']));
  world.client.setRoutes([route({ ports: [world.upstream.httpPort], decisionFacts: [1, 2, 3] })]);
  await agent.exchange(
    world.request('PUT', '/b?y=2', ['X-Fact: 2', 'Authorization: Bearer mine', 'Content-Length: 0']),
  );
  expect(asked[0]).toMatchObject({ method: 'GET', destination: { host: 'api.test', port: world.upstream.httpPort } });
  expect(asked[1]).toMatchObject({ method: 'PUT', path: '/b', query: 'y=2' });
  expect(asked[1]?.headers).toContainEqual({ name: 'x-fact', value: '2' });
  expect(JSON.stringify(asked[1]?.headers)).not.toContain('mine');
});

test('A-23 every request of a connection and of a tunnel is decided', async () => {
  world.client.decide = (question) =>
    question.path === '/allowed' ? grant(question, bearer(SECRET)) : denial('rule-denied');
  const { agent } = await world.tlsAgent();
  const at = `api.test:${world.upstream.httpsPort}`;
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${at}\r\n\r\n`;
  agent.send(get('/allowed') + get('/denied') + get('/allowed'));
  expect((await agent.answer()).status).toBe(200);
  expect((await agent.answer()).status).toBe(403);
  world.client.decide = () => denial('workload-revoked');
  expect([200, 403]).toContain((await agent.answer()).status);
  expect((await agent.exchange(get('/allowed'))).status).toBe(403);
  expect(world.upstream.seen.every(({ target }) => target === '/allowed')).toBe(true);
});

test('A-34 the proxy token travels on to nobody, in a tunnel neither', async () => {
  await world.close();
  world = await startProxyWorld({ config: { proxyToken: new Secret('token-of-this-agent') } });
  const basic = Buffer.from('agent:token-of-this-agent').toString('base64');
  const wrong = await world.agent();
  const other = Buffer.from('agent:token-of-this-agenT').toString('base64');
  expect((await wrong.exchange(world.request('GET', '/', [`Proxy-Authorization: Basic ${other}`]))).status).toBe(407);
  const agent = await world.agent();
  const at = `api.test:${world.upstream.httpPort}`;
  const auth = `Proxy-Authorization: Basic ${basic}\r\n`;
  expect((await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n${auth}\r\n`, 'CONNECT')).status).toBe(200);
  agent.send(`GET / HTTP/1.1\r\nHost: ${at}\r\n${auth}\r\n`);
  await agent.until((text) => text.includes('hello'));
  expect(JSON.stringify(world.upstream.seen)).not.toContain(basic);
  expect(world.logged()).not.toContain(basic);
});

test('A-51 a write is sent once, whatever becomes of its connection', async () => {
  const heads: string[] = [];
  const raw = await startRawUpstream((socket) => {
    socket.on('data', (bytes) => {
      heads.push(bytes.toString('latin1').split('\r\n', 1)[0] ?? '');
      if (heads.length > 1) return void socket.destroy();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  world.client.setRoutes([route({ ports: [raw.port] })]);
  const agent = await world.agent();
  const at = `api.test:${raw.port}`;
  await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  const answer = await agent.exchange(`POST http://${at}/pay HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 0\r\n\r\n`);
  expect(answer.status).toBe(502);
  expect(heads.filter((head) => head.startsWith('POST'))).toHaveLength(1);
  await raw.close();
});

test('A-61 a stream that outlives its lease is decided again, and cut when the answer is no', async () => {
  let answers = 0;
  world.client.decide = (question) => {
    answers += 1;
    if (answers > 1) return denial('user-revoked');
    return grant(question, bearer(SECRET), { cacheLease: { seconds: 0, nanos: 1_000_000 } });
  };
  world.upstream.handle((_request, response) => response.write('going on'));
  const agent = await world.agent();
  agent.send(world.request('GET', '/'));
  await agent.closed();
  expect(agent.received.toString().endsWith('0\r\n\r\n')).toBe(false);
  await until('it was recorded', () => world.client.records.length === 1);
  expect(world.client.records[0]?.reason).toBe(13);
});

test('A-64 no credential over cleartext unless the route says so', async () => {
  const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: '', serverName: '' };
  world.client.setRoutes([route({ ports: [world.upstream.httpPort], tls })]);
  const agent = await world.agent();
  expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('cleartext-refused');
  // Nor when the grant injects although the route did not announce it.
  world.client.setRoutes([route({ ports: [world.upstream.httpPort], tls, injectsCredential: false })]);
  expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('cleartext-refused');
  untouched();
});

describe('A-65 a bound host never passes bare', () => {
  test.each(['credential-unavailable', 'control-plane-unavailable', 'session-expired', 'authorize-timeout'] as const)(
    'when the answer is %s',
    async (reason) => {
      world.client.decide = () => denial(reason);
      const agent = await world.agent();
      expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe(reason);
      untouched();
    },
  );

  test('when the routes are gone, the proxy denies by default', async () => {
    world.client.setRoutes([]);
    const agent = await world.agent();
    expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('no-route');
    untouched();
  });

  test('when the injection is of a kind that this proxy does not know', async () => {
    const unknown = { kind: { $case: 'sigv4', value: {} } } as unknown as Injection;
    world.client.decide = (question) => grant(question, unknown);
    const agent = await world.agent();
    expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('credential-invalid');
    untouched();
  });

  test('when the policy client throws', async () => {
    world.client.decide = () => Promise.reject(new Error('broken'));
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/'))).status).toBe(500);
    untouched();
  });
});

describe('A-66 nothing opaque goes to a host that has a credential', () => {
  test('HTTP/2 with prior knowledge is read like any call, and what is not HTTP/2 after its preface goes nowhere', async () => {
    const agent = await world.agent();
    const at = `api.test:${world.upstream.httpPort}`;
    await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    agent.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nopaque bytes of another protocol');
    await agent.closed();
    untouched();
  });

  test('CONNECT in a tunnel', async () => {
    const { agent } = await world.tlsAgent();
    const answer = await agent.exchange('CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n', 'CONNECT');
    expect([400, 405]).toContain(answer.status);
    // What follows a CONNECT is no HTTP, refused or not, so that nothing is read behind it.
    expect(answer.headers.get('connection')).toBe('close');
    await agent.closed();
    untouched();
  });

  test('TLS in TLS, and any other protocol', async () => {
    const { agent } = await world.tlsAgent();
    agent.send(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 0, 0, 1, 0]));
    expect((await agent.closed()).startsWith('HTTP/1.1 400')).toBe(true);
    const at = `api.test:${world.upstream.httpPort}`;
    const ssh = await world.agent();
    await ssh.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    ssh.send('SSH-2.0-OpenSSH_9.6\r\n\r\n');
    await ssh.closed();
    untouched();
  });
});
