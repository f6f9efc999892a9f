import dgram from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { CAN_MAKE_NAMESPACES, NetworkNamespace } from '../support/worlds/network-namespace.ts';

const [ROOT, PROXY, AGENT] = [0, 61_337, 61_338];
const PYTHON = '/usr/bin/python3';
const READY = CAN_MAKE_NAMESPACES && existsSync('dist/sidekey.js');

/** What becomes of UDP and DNS, without any proxy. */
describe.skipIf(!READY).each(['nftables', 'iptables'])(
  'UDP under rules of %s (it needs root, nftables, iptables, dist/)',
  { timeout: 120_000 },
  (tool) => {
    let space: NetworkNamespace;
    const servers: dgram.Socket[] = [];

    beforeAll(async () => {
      space = new NetworkNamespace([]);
      for (const port of [53, 5353]) {
        for (const [type, host] of [
          ['udp4', space.outside.IPv4],
          ['udp6', space.outside.IPv6],
        ] as const) {
          const server = dgram.createSocket(type);
          server.on('message', (message, { port: from, address }) => server.send(`echo ${message}`, from, address));
          server.bind(port, host);
          await once(server, 'listening');
          servers.push(server);
        }
      }
    });
    afterAll(async () => {
      for (const server of servers) server.close();
      await space.remove();
    });

    const redirect = async (...options: string[]): Promise<void> => {
      const plan = ['--proxy-uid', String(PROXY), '--port', '15001', '--tool', tool];
      const end = await space.run(ROOT, [
        process.execPath,
        'dist/sidekey.js',
        'redirect',
        'install',
        ...plan,
        ...options,
      ]);
      expect(end).toMatchObject({ code: 0, stderr: '' });
    };
    /** The answer to one datagram, or an empty text. */
    const ask = async (host: string, port: number, uid: number = AGENT): Promise<string> => {
      const family = host.includes(':') ? 'AF_INET6' : 'AF_INET';
      const script = `import socket
s = socket.socket(socket.${family}, socket.SOCK_DGRAM); s.settimeout(1)
try:
  s.sendto(b"hi", ("${host}", ${port})); print(s.recv(99).decode(), end="")
except OSError: pass`;
      return (await space.run(uid, [PYTHON, '-c', script])).stdout;
    };

    /** What a server says on a connection, or an empty text. */
    const callTcp = async (host: string, port: number, uid: number): Promise<string> => {
      const script = `import socket
try:
  s = socket.create_connection(("${host}", ${port}), 1); print(s.recv(99).decode(), end="")
except OSError: pass`;
      return (await space.run(uid, [PYTHON, '-c', script])).stdout;
    };

    it('DNS and other UDP are left alone', async () => {
      await redirect();
      for (const host of Object.values(space.outside)) {
        expect(await ask(host, 53)).toBe('echo hi');
        expect(await ask(host, 5353)).toBe('echo hi');
      }
    });

    it('DNS over TCP is caught like all TCP, unless a resolver is named', async () => {
      const { IPv4 } = space.outside;
      const server = net.createServer((socket) => socket.end('outside'));
      server.listen(53, IPv4);
      await once(server, 'listening');
      try {
        await redirect();
        expect(await callTcp(IPv4, 53, PROXY)).toBe('outside');
        // Nobody listens on the proxy's port here.
        expect(await callTcp(IPv4, 53, AGENT)).toBe('');
        await redirect('--dns', IPv4);
        expect(await callTcp('192.0.2.9', 53, AGENT)).toBe('outside');
      } finally {
        server.close();
      }
    });

    it('--dns drop drops DNS, --drop-udp the rest, but not what the proxy sends', async () => {
      await redirect('--dns', 'drop', '--drop-udp');
      for (const host of Object.values(space.outside)) {
        expect(await ask(host, 53)).toBe('');
        expect(await ask(host, 5353)).toBe('');
        expect(await ask(host, 53, PROXY)).toBe('echo hi');
      }
    });

    it('--dns drop reaches DNS over TCP, on loopback, and where another rule would send it elsewhere', async () => {
      const listen = `import socket,sys,threading
def serve(family, kind, host, port):
  s = socket.socket(family, kind); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((host, port))
  if kind == socket.SOCK_STREAM:
    s.listen()
    while True: c, _ = s.accept(); c.sendall(b"taken"); c.close()
  while True: _, at = s.recvfrom(99); s.sendto(b"taken", at)
for at in [(2, "127.0.0.53", 53), (10, "::1", 53), (2, "127.0.0.11", 5399)]:
  for kind in (1, 2): threading.Thread(target=serve, args=(at[0], kind, *at[1:])).start()
sys.stderr.write("listening"); sys.stderr.flush()`;
      const child = space.start(ROOT, [PYTHON, '-c', listen]);
      await until('they listen', () => child.stderr().includes('listening'), 30_000);
      // As Docker does for its resolver.
      for (const protocol of ['udp', 'tcp']) {
        const to = ['-j', 'DNAT', '--to-destination', '127.0.0.11:5399'];
        const rule = ['-A', 'OUTPUT', '-d', '127.0.0.11', '-p', protocol, '--dport', '53', ...to];
        expect(await space.run(ROOT, ['iptables', '-t', 'nat', ...rule])).toMatchObject({ code: 0 });
      }
      const addresses = ['127.0.0.53', '127.0.0.11', '::1'];
      const heard = async (uid: number): Promise<string[]> => {
        const found: string[] = [];
        for (const host of addresses)
          found.push((await ask(host, 53, uid)) || 'none', (await callTcp(host, 53, uid)) || 'none');
        return found;
      };
      await redirect();
      expect(await heard(AGENT)).toEqual(Array(6).fill('taken'));
      await redirect('--dns', 'drop');
      expect(await heard(AGENT)).toEqual(Array(6).fill('none'));
      expect(await heard(PROXY)).toEqual(Array(6).fill('taken'));
      await redirect('--dns', space.outside.IPv4);
      expect((await heard(AGENT)).slice(4)).toEqual(['none', 'none']);
    });

    it('--dns ADDRESS sends all queries there, whichever resolver they were meant for', async () => {
      const { IPv4, IPv6 } = space.outside;
      await redirect('--dns', `${IPv4},${IPv6}`, '--drop-udp');
      expect(await ask('192.0.2.9', 53)).toBe('echo hi');
      expect(await ask('2001:db8::9', 53)).toBe('echo hi');
      expect(await ask(IPv4, 5353)).toBe('');
      await redirect('--dns', IPv4);
      expect(await ask('192.0.2.9', 53)).toBe('echo hi');
      expect(await ask(IPv6, 53)).toBe('');
    });
  },
);
