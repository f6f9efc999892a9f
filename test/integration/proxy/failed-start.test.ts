import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { composeProxy } from '../../../proxy/proxy.ts';
import { FakePolicyClient } from '../../fakes/policy-client.ts';

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
  const config: ProxyConfig = {
    controlPlane: { address: '192.0.2.1:443', caPem: '', tenant: 'default' },
    evidence: async () => [],
    listen: { host: '127.0.0.1', port },
    authority: 'local',
    unrouted: 'deny',
    ...over(portOf(taken)),
  };
  await expect(composeProxy(config, client, pino({ level: 'silent' }))).rejects.toThrow();
  expect(client.closed).toBe(true);
  const socket = net.connect(port, '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  taken.close();
});
