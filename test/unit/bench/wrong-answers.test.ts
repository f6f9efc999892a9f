import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Bench } from '../../../bench/bench.ts';
import { AUTHORIZATION } from '../../../bench/credential.ts';
import type { Forwarder } from '../../../bench/forwarder.ts';
import { closeAll } from '../../../bench/load/dial.ts';
import { openHttp1 } from '../../../bench/load/http1.ts';
import type { LoadSpec } from '../../../bench/load/spec.ts';
import { openLoad } from '../../../bench/measure.ts';
import type { Fault } from '../../../bench/options.ts';
import { http1Server } from '../../../bench/upstream/http1.ts';

const servers: net.Server[] = [];
afterEach(() => {
  closeAll();
  for (const server of servers.splice(0)) server.close();
});

async function specFor(fault: Fault | undefined, path: string): Promise<LoadSpec> {
  const server = net.createServer(http1Server(fault));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const access = { style: 'direct', port: 0 } as const;
  const what = { driver: 'http1', access, https: false, caPem: '', bytes: 200, connections: 3 } as const;
  return { ...what, upstreamPort: port, path, echoPath: '/echo' };
}

describe('the load notices', () => {
  it('nothing when all is well', async () => {
    const driver = await openHttp1(await specFor(undefined, '/200'));
    expect(driver.echo).toBe('');
    expect((await driver.run(20)).units).toBeGreaterThan(0);
  });

  it.each<[string, Fault | undefined, string, string]>([
    ['a short answer', 'short', '/200', 'wrong length 199'],
    ['an error', 'status', '/200', 'HTTP/1.1 500'],
    ['a missing credential', undefined, '/secret/200', 'HTTP/1.1 401'],
    ['another credential', 'credential', '/secret/200', 'HTTP/1.1 401'],
  ])('%s', async (_name, fault, path, message) => {
    await expect(specFor(fault, path).then(openHttp1)).rejects.toThrow(message);
  });
});

describe('the bench notices', () => {
  const open = async (echo: string, path: string, leaks: boolean): Promise<string | undefined> => {
    const spec: LoadSpec = { ...(await specFor(undefined, path)), echoPath: '/secret/echo' };
    const forwarder: Forwarder = { name: 'it', pid: undefined, caPem: '', leaks, lanes: {}, stop: () => {} };
    const load = { pid: 0, ports: {}, stop: () => true, ask: async () => ({ echo }) };
    return openLoad({ load } as unknown as Bench, forwarder, spec);
  };

  it.each([
    ['a credential that comes back from a proxy that scrubs', AUTHORIZATION, '/secret/200', false, 'came back'],
    ['a credential that was not injected', 'Bearer other', '/secret/200', true, 'not injected'],
    ['a credential where there should be none', 'Bearer other', '/200', false, 'none should be'],
    ['an empty echo where something was injected', '', '/secret/200', false, 'nothing came back'],
  ])('%s', async (_name, echo, path, leaks, message) => {
    await expect(open(echo, path, leaks)).rejects.toThrow(message);
  });

  it('nothing when all is well', async () => {
    await expect(open('Bearer *****', '/secret/200', false)).resolves.toBeUndefined();
    await expect(open(AUTHORIZATION, '/secret/200', true)).resolves.toBeUndefined();
  });
});
