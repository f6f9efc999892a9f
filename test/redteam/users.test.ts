import { decodeJwt } from 'jose';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { toProxyConfig } from '../../cli/proxy/proxy-options.ts';
import { beginCalls, endOfCalls } from '../support/agents/running-calls.ts';
import { tunnel } from '../support/agents/proxied-agent.ts';
import { TokenIssuer } from '../support/control-plane/token-issuer.ts';
import { startTicker, type Ticker } from '../support/upstreams/ticker.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';

// One proxy that acts for one user after the other, of whom a file tells.

const issuer = new TokenIssuer('https://issuer.world.test');
const folder = mkdtempSync(join(tmpdir(), 'sidekey-users-'));
const files = { agent: join(folder, 'agent'), user: join(folder, 'user'), authority: join(folder, 'authority') };

let world: World;
let upstream: Ticker;
beforeAll(async () => {
  upstream = await startTicker();
  await becomes('agent', 'agent');
  await becomes('user', 'ann');
  writeFileSync(files.authority, upstream.caPem);
  // As `sidekey proxy` has them.
  const { evidence, onOtherUser } = toProxyConfig(
    {
      controlPlane: '127.0.0.1:1',
      controlPlaneCa: files.authority,
      evidence: [`oidc=${files.agent}`, `user=${files.user}`],
      tenant: 'default',
      authority: 'local',
      unrouted: 'deny',
      logLevel: 'silent',
    },
    { host: '127.0.0.1', port: 0 },
  );
  const proxy = { evidence, onOtherUser };
  world = await World.start({ issuer, user: 'ann', proxy });
  await world.apply(
    ['ServerWorkload', 'ticker', loopbackServer(upstream)],
    [
      'CredentialProvider',
      'of-user',
      { type: 'jwt', audience: 'https://ticker.test', subject: '{{agent.user.oidc.sub}}' },
    ],
    [
      'AccessPolicy',
      'agent-uses-ticker',
      {
        clientWorkload: 'agent',
        serverWorkload: 'ticker',
        trust: ['world', 'world-users'],
        credentials: [{ provider: 'of-user', inject: { type: 'bearer' } }],
      },
    ],
    [
      'CredentialProvider',
      'of-name',
      { type: 'jwt', audience: 'https://ticker.test', subject: '{{agent.user.oidc.team}}-{{agent.user.oidc.name}}' },
    ],
    [
      'AccessPolicy',
      'agent-is-named',
      {
        clientWorkload: 'agent',
        serverWorkload: 'ticker',
        trust: ['world', 'world-users'],
        rules: [{ paths: ['/named'] }],
        credentials: [{ provider: 'of-name', inject: { type: 'bearer' } }],
      },
    ],
  );
  await until('the proxy knows the routes', () => world.proxy.client.routes().length === 2, 20_000);
}, 120_000);
afterAll(async () => {
  upstream.close();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await becomes('user', 'ann');
  await until('the proxy acts for ann', () => actsFor() === 'ann', 20_000);
});

/** The file tells of another subject from now on. */
async function becomes(file: 'agent' | 'user', sub: string, claims: object = {}): Promise<void> {
  writeFileSync(`${files[file]}.next`, await issuer.sign({ sub, jti: crypto.randomUUID(), ...claims }, Date.now()));
  renameSync(`${files[file]}.next`, files[file]);
}

function actsFor(): string | undefined {
  return world.proxy.client.session()?.user?.replace(/^.*#/, '');
}

function place(): { port: number; caPem: string } {
  return { port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' };
}

/** Status of one call, once it is whole. */
async function call(path = '/'): Promise<number> {
  const socket = await tunnel(place(), 'localhost', upstream.port, 'http/1.1');
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${upstream.port}\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve) => socket.once('close', resolve));
  return Number(text.slice(9, 12));
}

function lastSeen(): string | undefined {
  const token = upstream.seen.at(-1)?.replace('Bearer ', '');
  return token === undefined ? undefined : decodeJwt(token).sub;
}

/** Users in the records of calls that ended for this reason. */
async function recordedFor(reason: string): Promise<string[]> {
  const { body } = await world.rest('GET', `/v1/decisions?serverWorkload=ticker&reason=${reason}`);
  return (body as { decisions: { user: string }[] }).decisions.map(({ user }) => user.replace(/^.*#/, ''));
}

test('A-72 what goes on for one user ends when the proxy acts for the next, and is recorded as his', async () => {
  const calls = await beginCalls(place(), upstream.port);
  await becomes('user', 'bob');
  expect(await endOfCalls(calls)).toEqual({ http1: 'closed', http2: 'reset 2', webSocket: '1008 session-expired' });
  await until('the proxy acts for bob', () => actsFor() === 'bob', 20_000);
  expect(await call()).toBe(200);
  expect(lastSeen()).toBe('bob');
  await expect.poll(() => recordedFor('session-expired'), { timeout: 20_000 }).toEqual(['ann', 'ann', 'ann']);
  await expect.poll(() => recordedFor('ok'), { timeout: 20_000 }).toEqual(['bob']);
});

test('A-72 a renewed session of the same user goes on with what there is', async () => {
  const calls = await beginCalls(place(), upstream.port);
  const before = world.proxy.client.session()?.id;
  await becomes('user', 'ann');
  world.proxy.client.attestAgain();
  await until('another session', () => (world.proxy.client.session()?.id ?? before) !== before, 20_000);
  const heard = calls.webSocket.heard;
  await until('it goes on', () => calls.webSocket.heard > heard + 5, 20_000);
  expect(Object.values(calls).map(({ ended }) => ended)).toEqual([undefined, undefined, undefined]);
});

test('A-72 what goes on for a user ends with his token', async () => {
  const soon = Math.floor(Date.now() / 1_000) + 6;
  await becomes('user', 'dave', { exp: soon });
  await until('the proxy acts for dave', () => actsFor() === 'dave', 20_000);
  const calls = await beginCalls(place(), upstream.port);
  await endOfCalls(calls);
  const seen = upstream.seen.length;
  expect(await call()).toBe(403);
  expect(upstream.seen.length).toBe(seen);
});

test('A-72 nobody is acted for whose token was taken away', async () => {
  expect(await call()).toBe(200);
  const calls = await beginCalls(place(), upstream.port);
  rmSync(files.user);
  await endOfCalls(calls);
  const seen = upstream.seen.length;
  expect(await call()).toBe(403);
  expect(upstream.seen.length).toBe(seen);
});

test('A-75 a user who chooses his name gets the subject of no other', async () => {
  const subjects: (string | undefined)[] = [];
  for (const [sub, team, name] of [
    ['mallory', 'acme', 'sales-ann'],
    ['anna', 'acme-sales', 'ann'],
  ] as const) {
    await becomes('user', sub, { team, name });
    await until(`the proxy acts for ${sub}`, () => actsFor() === sub, 20_000);
    expect(await call('/named')).toBe(200);
    subjects.push(lastSeen());
  }
  expect(subjects).toEqual(['acme-sales%2Dann', 'acme%2Dsales-ann']);
});
