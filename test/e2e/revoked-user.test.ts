import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { http2Session, tunnel } from '../support/agents/proxied-agent.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';
import { LOOPBACK } from '../support/worlds/world-policy.ts';

// Calls in flight on behalf of a user over HTTP/1.1, HTTP/2 and WebSocket, and each way to revoke them.

const ISSUER = 'https://issuer.world.test';

let world: World;
let upstream: https.Server;
let port: number;
beforeAll(async () => {
  const { key, cert, caPem } = makeTlsIdentity(['localhost']);
  upstream = https.createServer({ key, cert }, (_, response) => {
    const timer = setInterval(() => response.write('data: x\n\n'), 50);
    response.on('close', () => clearInterval(timer));
  });
  new WebSocketServer({ server: upstream }).on('connection', (socket) => {
    const timer = setInterval(() => socket.send('x'), 50);
    socket.on('error', () => {});
    socket.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  port = (upstream.address() as AddressInfo).port;
  world = await World.start({ user: 'alice' });
  const tls = { mode: 'verify', ca: caPem };
  await world.apply(
    ['ServerWorkload', 'ticker', { hosts: ['localhost'], ports: [port], tls, allowedAddresses: LOOPBACK }],
    [
      'AccessPolicy',
      'agent-uses-ticker',
      {
        clientWorkload: 'agent',
        serverWorkload: 'ticker',
        trust: ['world', 'world-users'],
        credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
      },
    ],
  );
  await until('the proxy knows the routes', () => world.proxy.client.routes().length === 2, 20_000);
});
afterAll(async () => {
  upstream.closeAllConnections();
  upstream.close();
  await world.close();
});

interface Call {
  heard: number;
  /** How it ended, in its protocol's words. */
  ended: string | undefined;
}

async function begin(): Promise<Record<'http1' | 'http2' | 'webSocket', Call>> {
  const calls = {
    http1: { heard: 0, ended: undefined },
    http2: { heard: 0, ended: undefined },
    webSocket: { heard: 0, ended: undefined },
  } as Record<'http1' | 'http2' | 'webSocket', Call>;
  const { http1, http2, webSocket } = calls;
  const place = { port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' };
  const socket = await tunnel(place, 'localhost', port, 'http/1.1');
  socket.on('data', () => (http1.heard += 1));
  socket.on('close', () => (http1.ended = 'closed'));
  socket.write(`GET / HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  const stream = (await http2Session(place, 'localhost', port)).request({ ':path': '/' });
  stream.on('error', () => {});
  stream.on('data', () => (http2.heard += 1));
  stream.on('close', () => (http2.ended = `reset ${stream.rstCode}`));
  const secured = await tunnel(place, 'localhost', port, 'http/1.1');
  const messages = new WebSocket(`wss://localhost:${port}/`, { createConnection: () => secured });
  messages.on('error', () => {});
  messages.on('message', () => (webSocket.heard += 1));
  messages.on('close', (code, reason) => (webSocket.ended = `${code} ${reason.toString()}`));
  await until('all run', () => Object.values(calls).every(({ heard }) => heard > 2), 30_000);
  return calls;
}

async function sessionId(): Promise<string> {
  const { body } = await world.rest('GET', '/v1/sessions');
  const { sessions } = body as { sessions: { id: string; user: string }[] };
  expect(sessions.every(({ user }) => user === `${ISSUER}#alice`)).toBe(true);
  return world.proxy.client.session()?.id ?? '';
}

it.each([
  ['user', 'alice', 'user-revoked'],
  ['user', `${ISSUER}#alice`, 'user-revoked'],
  ['workload', 'agent', 'workload-revoked'],
  ['policy', 'agent-uses-ticker', 'policy-revoked'],
  ['credential', 'api-token', 'credential-revoked'],
  ['tenant', 'default', 'tenant-revoked'],
  ['session', '', 'session-revoked'],
])('revoking the %s %s cuts its calls, each in its words', async (target, named, reason) => {
  const calls = await begin();
  const name = target === 'session' ? await sessionId() : named;
  await world.revoke(target, name);
  await until('all are cut', () => Object.values(calls).every(({ ended }) => ended !== undefined), 20_000);
  expect(calls).toMatchObject({
    http1: { ended: 'closed' },
    http2: { ended: 'reset 2' },
    webSocket: { ended: `1008 ${reason}` },
  });
  expect((await world.rest('DELETE', '/v1/revocations', { target, name })).status).toBe(200);
  await until('the proxy is back', () => world.proxy.client.connected, 30_000);
});

it('revoking another user, or one of another issuer, cuts nothing', async () => {
  const calls = await begin();
  for (const name of ['bob', 'https://other.test#alice']) await world.revoke('user', name);
  const before = calls.webSocket.heard;
  await until('it goes on', () => calls.webSocket.heard > before + 5, 20_000);
  expect(Object.values(calls).map(({ ended }) => ended)).toEqual([undefined, undefined, undefined]);
});
