import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProxyWorld } from '../support/worlds/proxy-world.ts';
import { MISSING, PATIENCE_MS, PORT, TransparentWorld, UIDS } from '../support/worlds/transparent-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';

const PYTHON = '/usr/bin/python3';

describe('A-30 another process uses the sidecar', () => {
  test('a user who is not allowed is refused before a byte of the call is read', async () => {
    const world = await startProxyWorld({ config: { allowedUids: [UIDS.agent] } });
    const stranger = await world.agent();
    const answer = await stranger.exchange(world.request('GET', '/v1'));
    expect(answer.status).toBe(403);
    expect(world.client.records).toMatchObject([{ reason: 39, method: '' }]);
    expect(world.upstream.connections()).toBe(0);
    await world.close();
  });
});

// Everything here is attacked from inside a network name space, by programs that know nothing of a proxy.
const title = `in a network name space${MISSING === undefined ? '' : ` (it needs ${MISSING})`}`;
describe.skipIf(MISSING !== undefined)(title, { timeout: PATIENCE_MS }, () => {
  let world: TransparentWorld;
  let target: { readonly port: number; readonly connections: () => number; close(): Promise<void> };
  const items = 'https://api.test/v1/items';

  beforeAll(async () => {
    world = await TransparentWorld.start(['--allow-uid', String(UIDS.agent)]);
    target = await startRawUpstream((socket) => socket.end('reached'));
    await world.space.forward(9999, target.port);
    const { stderr } = await world.redirect('install');
    if (stderr !== '') throw new Error(stderr);
  }, PATIENCE_MS);
  afterAll(async () => {
    await world?.close();
    await target?.close();
  });

  const curl = async (args: readonly string[], env: NodeJS.ProcessEnv = {}, uid?: number): Promise<string> => {
    const { stdout, stderr } = await world.agent(['curl', '-sS', '--max-time', '15', ...args], env, uid);
    return `${stdout}${stderr}`;
  };

  test('A-29 a raw address, of either family and on any port, is caught and denied', async () => {
    const { IPv4, IPv6 } = world.space.outside;
    for (const host of [IPv4, `[${IPv6}]`]) {
      expect(await curl(['-k', `https://${host}/v1/items`])).toContain('no-route');
      expect(await curl([`http://${host}/`])).toContain('no-route');
      expect(await curl([`http://${host}:9999/`])).toContain('no-route');
      expect(await curl(['-k', `https://${host}:9999/`])).toContain('no-route');
    }
    // The proxy's own user goes where it likes: the outside is really there.
    const own = await world.agent(
      [PYTHON, '-c', `import socket; print(socket.create_connection(("${IPv4}", 9999), 10).recv(9))`],
      {},
      UIDS.proxy,
    );
    expect(own.stdout).toContain('reached');
    expect(target.connections()).toBe(1);
  });

  test('A-29 NO_PROXY and clients that ignore the environment change nothing', async () => {
    for (const env of [
      { NO_PROXY: '*', no_proxy: '*' },
      { HTTPS_PROXY: '', https_proxy: '' },
    ]) {
      expect(await curl([items], env)).toContain('first');
      expect(await curl(['-X', 'DELETE', items], env)).toContain('rule-denied');
    }
    const script = `import ssl, socket
c = ssl.create_default_context(cafile="${world.proxyCaFile}")
s = c.wrap_socket(socket.create_connection(("${world.space.outside.IPv6}", 443), 10), server_hostname="api.test")
s.sendall(b"GET /v1/items HTTP/1.1\\r\\nHost: api.test\\r\\nConnection: close\\r\\n\\r\\n")
data = b""
while True:
    part = s.recv(9999)
    if not part: break
    data += part
print(data.decode())`;
    expect((await world.agent([PYTHON, '-c', script])).stdout).toContain('first');
  });

  test("A-29 A-07 the address behind a name is nobody's choice but the proxy's", async () => {
    const before = world.world.api.seenCalls.length;
    const elsewhere = ['--connect-to', 'api.test:443:192.0.2.77:443'];
    expect(await curl([...elsewhere, items])).toContain('first');
    expect(world.world.api.seenCalls.length).toBe(before + 1);
  });

  test('A-10 QUIC goes nowhere: UDP 443 of agents is dropped over both families', async () => {
    const { IPv4, IPv6 } = world.space.outside;
    for (const [host, type] of [
      [IPv4, 'udp4'],
      [IPv6, 'udp6'],
    ] as const) {
      const socket = dgram.createSocket(type);
      const seen: string[] = [];
      socket.on('message', (message) => seen.push(message.toString()));
      socket.bind(443, host);
      await once(socket, 'listening');
      const family = type === 'udp4' ? 'AF_INET' : 'AF_INET6';
      const send = (text: string, uid: number): Promise<unknown> =>
        world.agent(
          [
            PYTHON,
            '-c',
            `import socket\ntry: socket.socket(socket.${family}, socket.SOCK_DGRAM).sendto(b"${text}", ("${host}", 443))\nexcept OSError: pass`,
          ],
          {},
          uid,
        );
      await send('of the agent', UIDS.agent);
      await send('of the proxy', UIDS.proxy);
      // What was sent first would have come first.
      await expect.poll(() => seen, { timeout: 30_000 }).toEqual(['of the proxy']);
      socket.close();
    }
  });

  test('A-30 another user of the pod is refused in every mode', async () => {
    const explicit = await curl(['--proxy', 'http://127.0.0.1:8080', items], {}, UIDS.stranger);
    expect(explicit).toContain('403');
    expect(await curl([items], {}, UIDS.stranger)).not.toContain('first');
    expect(await curl([items])).toContain('first');
    await expect
      .poll(async () => (await world.reasons()).filter((reason) => reason === 'caller-refused').length, {
        timeout: 30_000,
      })
      .toBe(2);
  });

  test('A-30 a caller is known although redirection changed its port, and nobody passes for it', async () => {
    const { IPv4, IPv6 } = world.space.outside;
    // Two connections from one port to two places, of which the kernel has to change one on its way to the proxy.
    const script = (host: string): string => `import socket
def call(port, source):
  s = socket.socket(${host.includes(':') ? 'socket.AF_INET6' : 'socket.AF_INET'}); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  s.bind(source); s.settimeout(10); s.connect(("${host}", port)); return s
first = call(443, ("", 0)); held = call(80, ("", 0))
second = call(80, first.getsockname()[:2])
second.sendall(b"GET /v1/items HTTP/1.1\\r\\nHost: api.test\\r\\nConnection: close\\r\\n\\r\\n")
try: print(second.recv(99).decode())
except OSError as error: print(error)`;
    for (const host of [IPv4, IPv6]) {
      expect((await world.agent([PYTHON, '-c', script(host)])).stdout).toContain('403 Forbidden (sidekey: cleartext');
      const stranger = await world.agent([PYTHON, '-c', script(host)], {}, UIDS.stranger);
      expect(stranger.stdout).not.toContain('HTTP/1.1');
    }
  });

  test('A-55 who connects to the transparent port itself is refused', async () => {
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await curl([`http://${host}:${PORT}/`, '-H', 'Host: api.test'])).toContain('curl:');
    }
    await expect.poll(() => world.reasons(), { timeout: 30_000 }).toContain('loop-refused');
  });
});
