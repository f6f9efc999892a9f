import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { type ProcessEnd, runProcess } from '../process.ts';

const TOOLS = [
  ['ip', '-V'],
  ['setpriv', '--version'],
  ['nft', '--version'],
  ['iptables', '--version'],
] as const;

/** Root, and the tools that network name spaces and their rules need. */
export const CAN_MAKE_NAMESPACES =
  process.getuid?.() === 0 && TOOLS.every(([tool, argument]) => spawnSync(tool, [argument]).status === 0);

const PREFIX = 'sidekey-test-';
let made = 0;

/**
 * A network name space with one way out: a cable to this one, which is its whole internet. Names carry this process's id, and
 * `remove` takes away everything that was made.
 */
export class NetworkNamespace {
  readonly name: string;
  /** This side's addresses, as seen from inside. */
  readonly outside: { readonly IPv4: string; readonly IPv6: string };
  readonly #cable: string;
  readonly #children = new Set<ChildProcess>();
  readonly #servers = new Set<net.Server>();

  /** @param hosts names that stand for this side, inside */
  constructor(hosts: readonly string[]) {
    made += 1;
    const { pid } = process;
    const [high, low] = [(pid >> 6) & 255, (pid & 63) * 4];
    removeStale();
    this.name = `${PREFIX}${pid}-${made}`;
    this.#cable = cableName(pid, made);
    const ipv4 = (last: number): string => `10.${200 + made}.${high}.${low + last}`;
    const ipv6 = (last: number): string => `fd5b:${pid.toString(16).slice(-4)}:${made}::${last}`;
    this.outside = { IPv4: ipv4(1), IPv6: ipv6(1) };
    // A hook that runs out of time calls nobody any more.
    process.once('exit', this.#unmake);
    try {
      this.#make(hosts, [ipv4(2), ipv6(2)]);
    } catch (error) {
      this.#unmake();
      throw error;
    }
  }

  #make(hosts: readonly string[], [inside4, inside6]: readonly string[]): void {
    const [here, there] = [`${this.#cable}h`, `${this.#cable}n`];
    const { IPv4, IPv6 } = this.outside;
    ip('netns', 'add', this.name);
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', this.name);
    ip('addr', 'add', `${IPv4}/30`, 'dev', here);
    ip('addr', 'add', `${IPv6}/64`, 'dev', here, 'nodad');
    ip('link', 'set', here, 'up');
    const inside = (...args: string[]): void => ip('-n', this.name, ...args);
    inside('link', 'set', 'lo', 'up');
    inside('addr', 'add', `${inside4}/30`, 'dev', there);
    inside('addr', 'add', `${inside6}/64`, 'dev', there, 'nodad');
    inside('link', 'set', there, 'up');
    inside('route', 'add', 'default', 'via', IPv4);
    inside('-6', 'route', 'add', 'default', 'via', IPv6);
    // ip-netns(8) shows these as /etc/hosts and /etc/resolv.conf; the resolver is one that refuses at once.
    mkdirSync(`/etc/netns/${this.name}`, { recursive: true });
    const names = hosts.flatMap((host) => [`${IPv4} ${host}`, `${IPv6} ${host}`]);
    writeFileSync(`/etc/netns/${this.name}/hosts`, ['127.0.0.1 localhost', '::1 localhost', ...names, ''].join('\n'));
    writeFileSync(`/etc/netns/${this.name}/resolv.conf`, 'nameserver 127.0.0.1\noptions attempts:1 timeout:1\n');
  }

  /** Runs a program inside, as this user. */
  run(uid: number, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProcessEnd> {
    return runProcess(this.#command(uid, command), { PATH: process.env['PATH'], ...env });
  }

  /** Starts a program inside that ends with the name space at the latest; `stderr` grows, and has how it ended. */
  start(uid: number, command: readonly string[], env: NodeJS.ProcessEnv = {}): { readonly stderr: () => string } {
    const [program = '', ...args] = this.#command(uid, command);
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#children.add(child);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', () => {});
    child.on('close', (code, signal) => {
      this.#children.delete(child);
      stderr += `ended: ${signal ?? code}\n`;
    });
    return { stderr: () => stderr };
  }

  /** What connects to this port of ours from inside reaches a server that listens on loopback only. */
  async forward(port: number, to: number): Promise<void> {
    for (const host of Object.values(this.outside)) {
      const server = net.createServer((socket) => {
        const onward = net.connect({ host: '127.0.0.1', port: to });
        for (const end of [socket, onward]) end.on('error', () => end.destroy());
        socket.on('close', () => onward.destroy());
        onward.on('close', () => socket.destroy());
        socket.pipe(onward).pipe(socket);
      });
      this.#servers.add(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, resolve);
      });
    }
  }

  async remove(): Promise<void> {
    const ended = [...this.#children].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
    for (const server of this.#servers) server.close();
    this.#unmake();
  }

  #command(uid: number, command: readonly string[]): string[] {
    const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
    return ['ip', 'netns', 'exec', this.name, 'setpriv', ...user, ...command];
  }

  readonly #unmake = (): void => {
    process.removeListener('exit', this.#unmake);
    unmake(this.name, this.#cable);
  };
}

/** Ends what still runs inside, and removes the name space, the cable and the files. */
function unmake(name: string, cable: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of (stdout ?? '').split(/\s+/).filter((text) => text !== '')) spawnSync('kill', ['-9', pid]);
  spawnSync('ip', ['netns', 'del', name]);
  spawnSync('ip', ['link', 'del', `${cable}h`]);
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

/** What test processes that were killed left behind: the names say whose it was. */
function removeStale(): void {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const [, name = '', pid = '', number = ''] of (stdout ?? '').matchAll(/^(sidekey-test-(\d+)-(\d+))/gm)) {
    if (!existsSync(`/proc/${pid}`)) unmake(name, cableName(Number(pid), Number(number)));
  }
}

function cableName(pid: number, number: number): string {
  return `sk${pid % 1_000_000}x${number}`;
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
