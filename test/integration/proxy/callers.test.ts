import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { withFolder } from '../../support/folder.ts';
import { type ProcessEnd, runProcess } from '../../support/process.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

const OURS = process.getuid?.() ?? 0;
const [AGENT, STRANGER] = [64_001, 64_002];
const CAN_CHANGE_USER = OURS === 0 && spawnSync('setpriv', ['--version']).status === 0;

let world: ProxyWorld;
afterEach(() => world?.close());

function curlAs(uid: number, ...args: string[]): Promise<ProcessEnd> {
  const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  return runProcess(['setpriv', ...user, 'curl', '-sS', ...args], { PATH: process.env['PATH'] });
}

const start = async (config: Partial<ProxyConfig>): Promise<void> => {
  world = await startProxyWorld({ config });
};

describe('callers by user', () => {
  test('this user is let in when it is allowed, and refused with its reason when not', async () => {
    await start({ allowedUids: [OURS] });
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/v1'))).status).toBe(200);
    await world.close();
    await start({ allowedUids: [OURS + 1] });
    const stranger = await world.agent();
    const answer = await stranger.answer();
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'caller-refused' });
    expect(world.client.records).toMatchObject([{ reason: 39, outcome: 2 }]);
    expect(world.upstream.connections()).toBe(0);
  });

  test('a connection that is closed again without a word leaves no record of a denial', async () => {
    await start({ allowedUids: [OURS] });
    for (let i = 0; i < 20; i += 1) {
      const socket = connect(world.proxy.address.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    }
    // Longer than one that cannot be known may take to say something.
    await setTimeout(3_000);
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/v1'))).status).toBe(200);
    await world.close();
    expect(world.client.records).toMatchObject([{ outcome: 1 }]);
  });

  test('one whose user cannot be known any more is refused what it asked for, with a record', async () => {
    await start({ allowedUids: [OURS] });
    for (let i = 0; i < 20; i += 1) {
      const socket = connect(world.proxy.address.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(world.request('GET', '/v1'), () => socket.destroy());
      await once(socket, 'close');
    }
    // Each of them is refused by the time that none is open.
    await expect.poll(() => world.client.records.length, { timeout: 20_000 }).toBe(20);
    expect(world.client.records.filter(({ reason }) => reason === 39).length).toBeGreaterThan(0);
  });

  test.skipIf(!CAN_CHANGE_USER)('a unix socket is open to the users allowed alone (needs root)', async () => {
    await withFolder(async (folder) => {
      await chmod(folder, 0o755);
      const socketPath = join(folder, 'api.sock');
      world = await startProxyWorld({
        config: { allowedUids: [AGENT] },
        listeners: ({ httpsPort }) => ({
          local: [{ at: { socketPath }, upstream: { host: 'api.test', port: httpsPort } }],
        }),
      });
      const call = ['--unix-socket', socketPath, 'http://localhost/v1'];
      expect(await curlAs(AGENT, ...call)).toMatchObject({ stdout: 'hello' });
      expect((await curlAs(STRANGER, ...call)).stdout).toContain('caller-refused');
    });
  });

  const at = { host: '127.0.0.1', port: 0 };
  test.each([
    ['local', { local: [{ at, upstream: { host: 'api.test', port: 443 } }] }],
    ['transparent', { transparent: [at] }],
  ])('a token that a %s listener cannot ask for is no protection: it is refused at start', async (_kind, listeners) => {
    const config = { ...listeners, proxyToken: new Secret('a-token-of-the-proxy') };
    await expect(startProxyWorld({ config })).rejects.toMatchObject({ code: 'token-bypassed' });
    await start({ ...config, allowedUids: [OURS] });
  });

  test('a unix socket is open to its owner alone, without a token too', async () => {
    await withFolder(async (folder) => {
      const local = [{ at: { socketPath: join(folder, 'api.sock') }, upstream: { host: 'api.test', port: 443 } }];
      await start({ local, proxyToken: new Secret('a-token-of-the-proxy') });
      await world.close();
    });
  });
});

test.skipIf(!CAN_CHANGE_USER)(
  'another user of the machine is refused by a local listener, and by SOCKS (needs root)',
  async () => {
    world = await startProxyWorld({
      config: { allowedUids: [AGENT] },
      listeners: ({ httpsPort }) => ({
        local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'api.test', port: httpsPort } }],
      }),
    });
    const local = `http://127.0.0.1:${world.proxy.localAddresses[0]?.port}/v1`;
    expect(await curlAs(AGENT, local)).toMatchObject({ stdout: 'hello' });
    expect((await curlAs(STRANGER, local)).stdout).toContain('caller-refused');
    const socks = ['--proxy', `socks5h://127.0.0.1:${world.proxy.address.port}`];
    const url = `http://api.test:${world.upstream.httpPort}/v1`;
    expect(await curlAs(AGENT, ...socks, url)).toMatchObject({ stdout: 'hello' });
    expect((await curlAs(STRANGER, ...socks, url)).stdout).not.toContain('hello');
    expect(world.upstream.seen).toHaveLength(2);
  },
);

test.skipIf(!CAN_CHANGE_USER)('another user of the machine is refused on the explicit port (needs root)', async () => {
  await start({ allowedUids: [AGENT] });
  const proxy = `http://127.0.0.1:${world.proxy.address.port}`;
  const url = `http://api.test:${world.upstream.httpPort}/v1`;
  expect(await curlAs(AGENT, '--proxy', proxy, url)).toMatchObject({ stdout: 'hello' });
  expect((await curlAs(STRANGER, '--proxy', proxy, url)).stdout).toContain('caller-refused');
  expect(world.upstream.seen).toHaveLength(1);
});
