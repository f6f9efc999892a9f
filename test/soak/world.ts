import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlPlaneProcess } from '../support/control-plane-process.ts';
import { type ProxyProcess, startProxyProcess } from '../support/proxy-process.ts';
import { TokenIssuer } from '../support/token-issuer.ts';
import { LOOPBACK, makeResource } from '../support/world-policy.ts';
import { type SoakUpstreams, startSoakUpstreams } from './upstreams.ts';

/** Short enough that the soak sees them pass. */
const LIMITS = {
  headerTimeoutMs: 2_000,
  agentIdleTimeoutMs: 5_000,
  upstreamIdleTimeoutMs: 2_000,
  bodyIdleTimeoutMs: 20_000,
  responseTimeoutMs: 20_000,
};
const LEASE_SECONDS = 1;
/** Past the lease, so that the fail mode admits and not the lease. */
const AWAY_MS = 2_000;

/** Of one decision record, what tells whether it is the right one. */
export interface Recorded {
  readonly position: number;
  readonly id: string;
  readonly path: string;
  readonly outcome: string;
}

/** A control plane, a proxy and upstreams, each of the first two in a process of its own, as in production. */
export class SoakWorld {
  readonly good: SoakUpstreams;
  /** Apart, since what breaks an HTTP/2 connection breaks all that is on it. */
  readonly bad: SoakUpstreams;
  readonly proxy: ProxyProcess;
  readonly #controlPlane: ControlPlaneProcess;
  readonly #folder: string;
  /** Times at which the control plane was killed, and at which the proxy had found it again. */
  killed = 0;
  found = 0;

  private constructor(upstreams: readonly SoakUpstreams[], made: ControlPlaneProcess, proxy: ProxyProcess, at: string) {
    const [good, bad] = upstreams;
    if (good === undefined || bad === undefined) throw new Error('a soak has two sets of upstreams');
    this.good = good;
    this.bad = bad;
    this.#controlPlane = made;
    this.proxy = proxy;
    this.#folder = at;
  }

  static async start(): Promise<SoakWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'sidekey-soak-'));
    const upstreams = [await startSoakUpstreams(), await startSoakUpstreams()];
    const controlPlane = await ControlPlaneProcess.start(folder);
    const issuer = new TokenIssuer('https://issuer.world.test');
    const resources = soakPolicy(issuer, upstreams);
    const applied = await controlPlane.rest('POST', '/v1/apply', { resources, dryRun: false, prune: false });
    if (applied.status !== 200) throw new Error(`apply: ${JSON.stringify(applied.body)}`);
    const proxy = await startProxyProcess({
      controlPlane: { address: controlPlane.grpcAddress, caPem: controlPlane.place.caPem },
      evidence: await issuer.sign({ sub: 'agent', exp: Math.floor(Date.now() / 1000) + 7_200 }, Date.now()),
      spoolDir: join(folder, 'spool'),
      limits: LIMITS,
    });
    return new SoakWorld(upstreams, controlPlane, proxy, folder);
  }

  /** Kills the control plane in the middle of all, lets it be away a while, and starts it on the same data. */
  async restartControlPlane(): Promise<void> {
    this.killed += 1;
    await this.#controlPlane.kill();
    await pause(AWAY_MS);
    await this.#controlPlane.startAgain();
    await this.#connected();
    this.found += 1;
  }

  async #connected(): Promise<void> {
    for (let turn = 0; !(await this.proxy.stats()).connected; turn += 1) {
      if (turn > 600) throw new Error('the proxy did not find the control plane again');
      await pause(50);
    }
  }

  /** The whole decision log, once the proxy has delivered what it held. */
  async records(): Promise<Recorded[]> {
    for (let turn = 0; (await this.proxy.stats()).recordsQueued > 0 && turn < 600; turn += 1) await pause(100);
    const records: Recorded[] = [];
    for (;;) {
      const after = records.at(-1)?.position ?? 0;
      const { body } = await this.#controlPlane.rest('GET', `/v1/decisions?limit=1000&after=${after}`);
      const { decisions } = body as { decisions: Recorded[] };
      for (const { id, outcome, path, position } of decisions) records.push({ id, outcome, path, position });
      if (decisions.length < 1_000) return records;
    }
  }

  /** What `sidekey verify-log` finds. */
  async verified(): Promise<unknown> {
    return (await this.#controlPlane.rest('GET', '/v1/verify-log')).body;
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#controlPlane.close();
    await this.good.close();
    await this.bad.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The agent may GET and POST at every upstream, with a credential; what it deletes is denied. */
function soakPolicy(issuer: TokenIssuer, upstreams: readonly SoakUpstreams[]): object[] {
  const servers = [
    ['plain', upstreams.map(({ http1 }) => http1.port), { mode: 'plaintext' }],
    ...upstreams.map(({ http2 }, at) => [`secured-${at}`, [http2.port], { mode: 'verify', ca: http2.caPem }] as const),
  ] as const;
  return [
    makeResource('TrustProvider', 'world', {
      type: 'oidc',
      issuer: issuer.issuer,
      audience: 'sidekey',
      jwks: { inline: issuer.jwks },
    }),
    makeResource('ClientWorkload', 'agent', { selectors: { all: [{ claim: 'oidc.sub', equals: 'agent' }] } }),
    makeResource('CredentialProvider', 'key', { type: 'static', secret: { value: 'sk-soak-4f9aZq7Kc81xYtWm' } }),
    ...servers.flatMap(([name, ports, tls]) => [
      makeResource('ServerWorkload', name, { hosts: ['localhost'], ports, tls, allowedAddresses: LOOPBACK }),
      makeResource('AccessPolicy', name, {
        clientWorkload: 'agent',
        serverWorkload: name,
        trust: ['world'],
        rules: [{ methods: ['GET', 'POST'] }],
        credentials: [{ provider: 'key', inject: { type: 'bearer' } }],
        leaseSeconds: LEASE_SECONDS,
        failMode: { type: 'stale', maxAgeSeconds: 600 },
      }),
    ]),
  ];
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
