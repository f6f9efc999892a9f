import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CorporateProxy, startHttpsProxy } from '../support/upstreams/corporate-proxies.ts';
import { ControlPlaneProcess } from '../support/control-plane/control-plane-process.ts';
import { type ProxyProcess, startProxyProcess } from '../support/worlds/proxy-process.ts';
import { TokenIssuer } from '../support/control-plane/token-issuer.ts';
import { soakAgent, soakPolicy } from './policy.ts';
import { SmallDisk } from './small-disk.ts';
import { type SoakUpstreams, startSoakUpstreams } from './upstreams.ts';

/** Short enough that the soak sees them pass. */
const LIMITS = {
  // A busy machine stops a process for seconds, after which what is late is closed before what has come is read.
  headerTimeoutMs: 10_000,
  agentIdleTimeoutMs: 15_000,
  upstreamIdleTimeoutMs: 2_000,
  bodyIdleTimeoutMs: 20_000,
  responseTimeoutMs: 20_000,
};
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
  /** Apart, since what breaks an HTTP/2 connection breaks all that is on it; and its policies come and go. */
  readonly bad: SoakUpstreams;
  readonly proxy: ProxyProcess;
  readonly #controlPlane: ControlPlaneProcess;
  readonly #chain: CorporateProxy;
  readonly #spool: SmallDisk;
  readonly #folder: string;
  /** Times at which the control plane was killed, and at which the proxy had found it again. */
  killed = 0;
  found = 0;

  private constructor(parts: Pick<SoakWorld, 'good' | 'bad' | 'proxy'> & Hidden) {
    this.good = parts.good;
    this.bad = parts.bad;
    this.proxy = parts.proxy;
    this.#controlPlane = parts.controlPlane;
    this.#chain = parts.chain;
    this.#spool = parts.spool;
    this.#folder = parts.folder;
  }

  static async start(): Promise<SoakWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'sidekey-soak-'));
    const [good, bad, chain] = [await startSoakUpstreams(), await startSoakUpstreams(), await startHttpsProxy()];
    const spool = await SmallDisk.at(join(folder, 'spool'));
    const controlPlane = await ControlPlaneProcess.start(folder);
    const issuer = new TokenIssuer('https://issuer.world.test');
    await applyTo(controlPlane, [...soakAgent(issuer), ...soakPolicy('good', good), ...soakPolicy('bad', bad)]);
    const direct = [good, bad].flatMap(({ http1, http2 }) => [http1.port, http2.port]);
    const proxy = await startProxyProcess({
      controlPlane: { address: controlPlane.grpcAddress, caPem: controlPlane.place.caPem },
      evidence: await issuer.sign({ sub: 'agent', exp: Math.floor(Date.now() / 1000) + 7_200 }, Date.now()),
      spoolDir: spool.path,
      limits: LIMITS,
      local: { host: 'localhost', port: good.http2.port },
      upstreamProxy: {
        url: `https://localhost:${chain.port}`,
        noProxy: direct.map((port) => `localhost:${port}`).join(','),
        caPem: chain.caPem,
      },
    });
    return new SoakWorld({ good, bad, proxy, controlPlane, chain, spool, folder });
  }

  /** Of the disk on which records wait while the control plane is away; undefined when it could not be made small. */
  get spoolBytes(): number | undefined {
    return this.#spool.bytes;
  }

  apply(resources: readonly object[]): Promise<void> {
    return applyTo(this.#controlPlane, resources);
  }

  /** @throws unless it answers 2xx */
  async tell(method: 'POST' | 'DELETE', path: string, body?: object): Promise<void> {
    const { status, body: said } = await this.#controlPlane.rest(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(said)}`);
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
    this.#chain.close();
    await this.#spool.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

interface Hidden {
  readonly controlPlane: ControlPlaneProcess;
  readonly chain: CorporateProxy;
  readonly spool: SmallDisk;
  readonly folder: string;
}

async function applyTo(controlPlane: ControlPlaneProcess, resources: readonly object[]): Promise<void> {
  const { status, body } = await controlPlane.rest('POST', '/v1/apply', { resources, dryRun: false, prune: false });
  if (status !== 200) throw new Error(`apply: ${JSON.stringify(body)}`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
