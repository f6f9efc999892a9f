import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAN_MAKE_NAMESPACES, NetworkNamespace } from '../support/worlds/network-namespace.ts';
import type { ProcessEnd } from '../support/process.ts';
import { until } from '../support/until.ts';

const [ROOT, PROXY, AGENT] = [0, 61_337, 61_338];
const PYTHON = '/usr/bin/python3';
const READY = CAN_MAKE_NAMESPACES && existsSync('dist/sidekey.js');
const PORT = 4444;
/** A protocol that programs may send without privileges, where the kernel has it (L2TP). */
const L2TP = 115;
const SIDEKEY = [process.execPath, 'dist/sidekey.js', 'redirect'] as const;
const OTHER_TOOL: Readonly<Record<string, string>> = { nftables: 'iptables', iptables: 'nftables' };

/** Takes redirected connections and soon closes them. */
const SHORT_PROXY = `import socket,sys,threading,time
def serve(family, host):
  s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((host, 15001)); s.listen()
  while True: c, _ = s.accept(); c.sendall(b"proxy"); time.sleep(0.2); c.close()
for at in [(2, "127.0.0.1"), (10, "::1")]: threading.Thread(target=serve, args=at).start()
sys.stderr.write("listening"); sys.stderr.flush()`;
/** Prints what raw packets to these addresses hold. */
const WATCH = `import re,select,socket,sys
def watch(host, protocol):
  s = socket.socket(10 if ":" in host else 2, socket.SOCK_RAW, protocol); s.bind((host, 0)); return s
socks = [watch(host, protocol) for host in sys.argv[1:] for protocol in (6, ${L2TP})]
print("watching", flush=True)
while True:
  for s in select.select(socks, [], [])[0]:
    for found in re.findall(rb"<of [ A-Za-z0-9]+>", s.recv(65535)): print(found.decode(), flush=True)`;
/** What the kernel sends with the last data of a connection whose tracking has run out. */
const LAST_WORDS = (host: string): string => `import socket,time
s = socket.create_connection(("${host}", ${PORT}), 5); s.recv(99); time.sleep(4)
s.send(b"<of the agent>", socket.MSG_MORE); s.close(); time.sleep(0.5)`;
const HEARD = (host: string): string => `import socket
s = socket.create_connection(("${host}", ${PORT}), 5); s.sendall(b"<of the proxy>"); print(s.recv(99).decode(), end="")`;

describe.skipIf(!READY).each(['nftables', 'iptables'])(
  'TCP under rules of %s (it needs root, nftables, iptables, dist/)',
  { timeout: 120_000 },
  (tool) => {
    let space: NetworkNamespace;
    const servers: net.Server[] = [];

    beforeAll(async () => {
      space = new NetworkNamespace([]);
      for (const host of Object.values(space.outside)) {
        const server = net.createServer((socket) => socket.on('error', () => {}).end('outside'));
        server.listen(PORT, host);
        await once(server, 'listening');
        servers.push(server);
      }
      const proxy = space.start(PROXY, [PYTHON, '-c', SHORT_PROXY]);
      await until('the proxy listens', () => proxy.stderr().includes('listening'), 30_000);
    });
    afterAll(async () => {
      for (const server of servers) server.close();
      await space.remove();
    });

    const redirect = (...args: string[]): Promise<ProcessEnd> => space.run(ROOT, [...SIDEKEY, ...args]);
    const install = async (...options: string[]): Promise<void> => {
      const end = await redirect('install', '--proxy-uid', String(PROXY), '--port', '15001', ...options);
      expect(end).toMatchObject({ code: 0, stderr: '' });
    };
    const python = (uid: number, script: string): Promise<ProcessEnd> => space.run(uid, [PYTHON, '-c', script]);
    const hears = async (uid: number, host: string): Promise<string> => (await python(uid, HEARD(host))).stdout;
    const rules = async (): Promise<string> => (await space.run(ROOT, ['nft', 'list', 'ruleset'])).stdout;

    it('nothing leaves that the kernel cannot tell the connection of, nor L2TP', async () => {
      await install('--tool', tool);
      for (const state of ['close_wait', 'fin_wait']) {
        const timeout = `net.netfilter.nf_conntrack_tcp_timeout_${state}=1`;
        expect(await space.run(ROOT, ['sysctl', '-qw', timeout])).toMatchObject({ code: 0 });
      }
      const watcher = spawn(PYTHON, ['-c', WATCH, ...Object.values(space.outside)]);
      let seen = '';
      watcher.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
      try {
        await until('it watches', () => seen.includes('watching'), 30_000);
        for (const host of Object.values(space.outside)) {
          await python(AGENT, LAST_WORDS(host));
          const family = host.includes(':') ? 10 : 2;
          // Root is caught like every user but the proxy's.
          const script = `import socket
try: socket.socket(${family}, socket.SOCK_RAW, ${L2TP}).sendto(b"<of L2TP>", ("${host}", 0))
except OSError: pass`;
          await python(ROOT, script);
          expect(await hears(PROXY, host)).toBe('outside');
        }
        // What was sent first would have come first.
        const words = (): string[] => seen.trim().split('\n').slice(1);
        await expect.poll(words, { timeout: 30_000 }).toEqual(['<of the proxy>', '<of the proxy>']);
      } finally {
        watcher.kill();
      }
    });

    it("another's rules for outgoing calls change nothing, whoever came first", async () => {
      const [outside, elsewhere] = [space.outside.IPv4, '198.51.100.9'];
      const foreign = ['-p', 'tcp', '-d', elsewhere, '-j', 'DNAT', '--to-destination', `${outside}:${PORT}`];
      const change = async (action: '-A' | '-D'): Promise<void> => {
        const end = await space.run(ROOT, ['iptables', '-t', 'nat', action, 'OUTPUT', ...foreign]);
        expect(end).toMatchObject({ code: 0 });
      };
      await redirect('remove');
      await change('-A');
      await install('--tool', tool);
      expect(await hears(AGENT, elsewhere)).toBe('proxy');
      await change('-D');
      await change('-A');
      expect(await hears(AGENT, elsewhere)).toBe('proxy');
      await change('-D');
    });

    it('what another tool installed goes, with `install` as with `remove`', async () => {
      await install('--tool', OTHER_TOOL[tool] ?? '', '--drop-udp');
      await install('--tool', tool);
      expect((await rules()).match(/chain (?:SIDEKEY|output_filter) /g)?.length).toBe(tool === 'nftables' ? 1 : 4);
      const end = await redirect('remove', '-o', 'json');
      expect(JSON.parse(end.stdout)).toEqual({ removed: true, tool });
      expect(await rules()).not.toMatch(/sidekey/i);
      const none = await redirect('remove', '-o', 'json');
      expect(JSON.parse(none.stdout)).toEqual({ removed: false, tool: 'nftables and iptables' });
    });

    it('where nothing names protocols, as in small images', async () => {
      const line = `${SIDEKEY.join(' ')} install --tool ${tool} --proxy-uid ${PROXY} --port 15001`;
      const hidden = `mount --bind /dev/null /etc/protocols && exec ${line}`;
      const end = await space.run(ROOT, ['unshare', '--mount', 'sh', '-c', hidden]);
      expect(end).toMatchObject({ code: 0, stderr: '' });
    });

    // nft takes all of its rules or none.
    if (tool !== 'iptables') return;
    it('what cannot be installed whole leaves all as it was caught', async () => {
      const tried = (change: string): Promise<ProcessEnd> => {
        const line = `${SIDEKEY.join(' ')} install --tool ${tool} --proxy-uid ${PROXY} --port 15002`;
        const copied = 'mount -t tmpfs none /mnt && cp -a /etc/alternatives /mnt/alternatives && cd /mnt/alternatives';
        const hidden = `(${copied} && ${change}) && mount --bind /mnt/alternatives /etc/alternatives && exec ${line}`;
        return space.run(ROOT, ['unshare', '--mount', 'sh', '-c', hidden]);
      };
      await redirect('remove');
      const faults = [
        ['rm ip6tables', 'not installed here: ip6tables: install the package nftables or iptables'],
        ['ln -sf /bin/false ip6tables-restore', 'ip6tables-restore --noflush failed: '],
      ] as const;
      for (const [change, message] of faults) {
        expect(await tried(change)).toMatchObject({ code: 1, stderr: expect.stringContaining(`sidekey: ${message}`) });
        expect(await rules()).not.toMatch(/sidekey/i);
      }
      await install('--tool', tool);
      for (const [change] of faults) {
        expect(await tried(change)).toMatchObject({ code: 1 });
        for (const host of Object.values(space.outside)) expect(await hears(AGENT, host)).not.toBe('outside');
      }
    });
  },
);
