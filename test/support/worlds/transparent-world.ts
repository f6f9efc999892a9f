import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { CAN_MAKE_NAMESPACES, NetworkNamespace } from './network-namespace.ts';
import type { ProcessEnd } from '../process.ts';
import { World } from './world.ts';

/** Users that no machine has. */
export const UIDS = { proxy: 61_337, agent: 61_338, stranger: 61_339, root: 0 } as const;
export const PORT = 15_001;
/** Long, for a machine that does much else. */
const START_MS = 90_000;
const NODE_FOR_ALL = ['setpriv', '--reuid', '65534', '--clear-groups', process.execPath, '--version'] as const;

/** For hooks and for tests that wait for the proxy. */
export const PATIENCE_MS = 180_000;

/** Why such a world cannot be here; undefined when it can. */
export const MISSING = !existsSync('dist/sidekey.js')
  ? 'dist/: npm run build'
  : !CAN_MAKE_NAMESPACES
    ? 'root, iproute2, nftables and iptables'
    : spawnSync(NODE_FOR_ALL[0], NODE_FOR_ALL.slice(1)).status !== 0
      ? 'a Node that every user may run'
      : undefined;

/** A network name space in which agents know nothing of the proxy that stands beside them, and a control plane outside. */
export class TransparentWorld {
  readonly world: World;
  readonly space: NetworkNamespace;
  readonly #program: string;
  #proxyLog: () => string = () => '';

  private constructor(world: World, space: NetworkNamespace, program: string) {
    this.world = world;
    this.space = space;
    this.#program = program;
  }

  /** `api.test` and `other.test` stand for the outside; the API is on 443 of it, and policy covers `api.test` alone. */
  static async start(proxyOptions: readonly string[] = []): Promise<TransparentWorld> {
    const space = new NetworkNamespace(['api.test', 'other.test']);
    let world: World | undefined;
    try {
      // This process runs programs and waits for them; no heartbeat of the control plane, which is in it, goes out meanwhile.
      const controlPlane = { grpcListen: { host: space.outside.IPv4, port: 0 }, heartbeatMs: 5_000 };
      world = await World.start({ controlPlane });
      const made = new TransparentWorld(world, space, prepareFolder(world.folder));
      await space.forward(443, world.api.port);
      await space.forward(80, world.api.port);
      await world.apply(...policyOutside(world, space));
      await made.#startProxy(proxyOptions);
      return made;
    } catch (error) {
      await space.remove();
      await world?.close();
      throw error;
    }
  }

  /** The proxy's standard error. */
  get proxyLog(): string {
    return this.#proxyLog();
  }

  get proxyCaFile(): string {
    return join(this.world.folder, 'shared', 'ca.pem');
  }

  async #startProxy(options: readonly string[]): Promise<void> {
    const { folder, controlPlane } = this.world;
    const shared = join(folder, 'shared');
    const evidence = join(shared, 'evidence');
    await this.world.writeEvidence(evidence);
    for (const path of [shared, evidence]) await chown(path, UIDS.proxy, UIDS.proxy);
    await chmod(folder, 0o755);
    const link = [
      '--control-plane',
      controlPlane.grpcAddress,
      '--control-plane-ca',
      join(folder, 'control-plane-ca.pem'),
    ];
    const listen = ['--listen', '127.0.0.1:8080', '--admin', '127.0.0.1:9000', '--transparent', String(PORT)];
    const files = [
      '--evidence',
      `oidc=${evidence}`,
      '--ca-file',
      this.proxyCaFile,
      '--spool-dir',
      join(shared, 'spool'),
    ];
    const { stderr } = this.space.start(
      UIDS.proxy,
      [process.execPath, this.#program, 'proxy', ...link, ...listen, ...files, ...options],
      { HOME: shared },
    );
    this.#proxyLog = stderr;
    await this.#poll('the proxy listens', async () => (await this.ready()).stdout !== '');
  }

  /** What `/readyz` says. */
  ready(): Promise<ProcessEnd> {
    return this.space.run(UIDS.proxy, ['curl', '-sS', 'http://127.0.0.1:9000/readyz']);
  }

  async untilReady(): Promise<void> {
    await this.#poll('the proxy is ready', async () => (await this.ready()).stdout.startsWith('{"ready":true'));
  }

  async #poll(what: string, test: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + START_MS;
    while (performance.now() < end) {
      if (await test()) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`it never came to pass: ${what}: ${(await this.ready()).stdout} ${this.proxyLog}`);
  }

  /** `sidekey redirect ACTION` inside, as root. */
  redirect(action: 'install' | 'check' | 'remove', ...options: readonly string[]): Promise<ProcessEnd> {
    const plan = ['--proxy-uid', String(UIDS.proxy), '--port', String(PORT)];
    const agent = action === 'check' ? ['--agent-uid', String(UIDS.agent)] : [];
    const args = [...(action === 'remove' ? [] : plan), ...agent, ...options];
    return this.space.run(UIDS.root, [process.execPath, this.#program, 'redirect', action, ...args]);
  }

  /** Any program as an agent: it trusts the proxy's authority and knows nothing else. */
  agent(command: readonly string[], env: NodeJS.ProcessEnv = {}, uid: number = UIDS.agent): Promise<ProcessEnd> {
    const ca = this.proxyCaFile;
    const trust = { CURL_CA_BUNDLE: ca, REQUESTS_CA_BUNDLE: ca, NODE_EXTRA_CA_CERTS: ca, GIT_SSL_CAINFO: ca };
    return this.space.run(uid, command, { HOME: '/nonexistent', ...trust, ...env });
  }

  /** Reasons of the decisions so far, in their order. */
  async reasons(): Promise<string[]> {
    const { body } = await this.world.rest('GET', '/v1/decisions?limit=1000');
    return (body as { decisions: { reason: string }[] }).decisions.map(({ reason }) => reason);
  }

  async close(): Promise<void> {
    await this.space.remove();
    await this.world.close();
  }
}

/** The bundle where every user can read it, and a folder for what the proxy writes. */
function prepareFolder(folder: string): string {
  cpSync('dist', join(folder, 'dist'), { recursive: true });
  mkdirSync(join(folder, 'shared'), { mode: 0o755 });
  return join(folder, 'dist', 'sidekey.js');
}

function policyOutside(
  { api }: World,
  { outside }: NetworkNamespace,
): readonly (readonly [kind: string, name: string, spec: object])[] {
  const allowedAddresses = [`${outside.IPv4}/32`, `${outside.IPv6}/128`];
  const tls = { mode: 'verify', ca: api.caPem, serverName: 'localhost' };
  return [
    ['ServerWorkload', 'api-outside', { hosts: ['api.test'], ports: [80, 443], tls, allowedAddresses }],
    [
      'AccessPolicy',
      'agent-uses-api-outside',
      {
        clientWorkload: 'agent',
        serverWorkload: 'api-outside',
        rules: [{ methods: ['GET', 'POST'], paths: ['/v1/**'] }],
        credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
      },
    ],
  ];
}
