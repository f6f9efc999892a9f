import { request } from 'node:http';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Reason, REASONS } from '../../../proto/reasons.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { runProcess } from '../../support/process.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

const ENV = { PATH: process.env['PATH'] };
let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld({ config: { limits: { tlsHandshakeTimeoutMs: 1_000 } } });
});
afterEach(() => world.close());

const target = (): string => `api.test:${world.upstream.httpsPort}`;
const proxyAt = (): string => `${world.proxy.address.host}:${world.proxy.address.port}`;

async function expectRecord(reason: Reason): Promise<void> {
  await until('it is recorded', () => world.client.records.length > 0);
  const destination = { host: 'api.test', port: world.upstream.httpsPort };
  const failed = { outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number, destination, status: 0 };
  expect(world.client.records).toMatchObject([failed]);
}

/** Behind a CONNECT, an agent that says its ClientHello and reads nothing. */
async function greet(): Promise<RawAgent> {
  const agent = await world.agent();
  await agent.exchange(`CONNECT ${target()} HTTP/1.1\r\nHost: ${target()}\r\n\r\n`, 'CONNECT');
  const write = (bytes: Buffer, _: unknown, done: () => void): void => void agent.socket.write(bytes, done);
  tls.connect({ socket: new Duplex({ read: () => {}, write }), servername: 'api.test' }).on('error', () => {});
  await agent.until((text) => text.includes('\x16\x03\x03'));
  return agent;
}

describe('what becomes of TLS with the agent is in its record', () => {
  test.each([
    ['curl, to which the authority is unknown', () => ['curl', '-sS', '-x', `http://${proxyAt()}`]],
    ['the same behind SOCKS', () => ['curl', '-sS', '-x', `socks5h://${proxyAt()}`]],
  ])('%s', async (_, command) => {
    const { code, stderr } = await runProcess([...command(), `https://${target()}/`], ENV);
    expect({ code, stderr }).toMatchObject({ code: 60, stderr: expect.stringContaining('certificate') });
    await expectRecord('agent-tls-failed');
  });

  test('Node, to which the authority is unknown, and which tells no server so', async () => {
    const asked = request({ ...world.proxy.address, method: 'CONNECT', path: target() }).end();
    const code = await new Promise((resolve) => {
      asked.once('connect', (_, socket) => {
        tls.connect({ socket, servername: 'api.test' }).once('error', (error) => resolve(Reflect.get(error, 'code')));
      });
    });
    expect(code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    await expectRecord('agent-tls-failed');
  });

  test('a client that knows no version of TLS that the proxy speaks', async () => {
    const old = ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0', '-proxy', proxyAt(), '-connect', target()];
    const { code } = await runProcess(['openssl', 's_client', ...old, '-servername', 'api.test'], ENV);
    expect(code).toBe(1);
    await expectRecord('agent-tls-failed');
  });

  test('a client that says no more in the middle of its handshake', async () => {
    await greet();
    await expectRecord('agent-tls-failed');
  });

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'a client that leaves in the middle of its handshake: %s',
    async (leave) => {
      (await greet()).socket[leave]();
      await expectRecord('agent-tls-failed');
    },
  );
});
