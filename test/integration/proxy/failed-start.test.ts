import { once } from 'node:events';
import dns from 'node:dns';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { composeProxy } from '../../../proxy/proxy.ts';
import { FakePolicyClient } from '../../fakes/policy-client.ts';

const CONFIG: Omit<ProxyConfig, 'listen'> = {
  controlPlane: { address: '192.0.2.1:443', caPem: '', tenant: 'default' },
  evidence: async () => [],
  authority: 'local',
  unrouted: 'deny',
};

async function listening(): Promise<net.Server> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;

class UnstartableClient extends FakePolicyClient {
  closed = false;
  override start(): Promise<void> {
    return Promise.reject(new Error('no start'));
  }
  override async close(): Promise<void> {
    this.closed = true;
  }
}

test.each<[string, (taken: number) => Partial<ProxyConfig>]>([
  ['its policy client', () => ({ admin: { host: '127.0.0.1', port: 0 } })],
  ['its admin listener', (port) => ({ admin: { host: '127.0.0.1', port } })],
  ['its authority file', () => ({ caFile: join('/proc', 'no-such-folder', 'ca.pem') })],
])('a proxy that cannot start for %s leaves nothing behind', async (_name, over) => {
  const [taken, free] = await Promise.all([listening(), listening()]);
  const port = portOf(free);
  free.close();
  await once(free, 'close');
  const client = new UnstartableClient();
  const config: ProxyConfig = { ...CONFIG, listen: { host: '127.0.0.1', port }, ...over(portOf(taken)) };
  await expect(composeProxy(config, client, pino({ level: 'silent' }))).rejects.toThrow();
  expect(client.closed).toBe(true);
  const socket = net.connect(port, '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  taken.close();
});

test('who connected before another listener failed does not hold the start up', async () => {
  const free = await listening();
  const port = portOf(free);
  free.close();
  await once(free, 'close');
  let client: net.Socket | undefined;
  const { lookup } = dns;
  const looked = vi.spyOn(dns, 'lookup').mockImplementation(((...args: Parameters<typeof lookup>) => {
    if (args[0] !== 'nowhere.test') return lookup(...args);
    const done = args.at(-1) as unknown as (error: Error) => void;
    client = net.connect(port, '127.0.0.1').on('error', () => {});
    client.on('connect', () => setTimeout(() => done(new Error('no such host')), 50));
  }) as never);
  const local = [{ at: { host: 'nowhere.test', port: 0 }, upstream: { host: 'api.test', port: 443 } }];
  const config: ProxyConfig = { ...CONFIG, listen: { host: '127.0.0.1', port }, allowRemote: true, local };
  await expect(composeProxy(config, new FakePolicyClient(), pino({ level: 'silent' }))).rejects.toThrow('nowhere.test');
  looked.mockRestore();
  client?.destroy();
});
