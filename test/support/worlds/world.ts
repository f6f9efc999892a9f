import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../common/clock.ts';
import type { ControlPlaneConfig } from '../../../control-plane/config.ts';
import { type ControlPlane, startControlPlane } from '../../../control-plane/main.ts';
import { EvidenceSubject } from '../../../proto/gen/sidekey/v1/proxy.ts';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { type Proxy, startProxy } from '../../../proxy/main.ts';
import type { ProcessEnd } from '../process.ts';
import { runProcess } from '../process.ts';
import { type DemandingApi, startDemandingApi } from '../upstreams/demanding-api.ts';
import { restCall } from '../control-plane/rest-call.ts';
import { TokenIssuer } from '../control-plane/token-issuer.ts';
import { makeResource, worldPolicy } from './world-policy.ts';

export interface WorldOptions {
  readonly authority?: ProxyConfig['authority'];
  /** Of the policy that admits the agent to the API; default closed. */
  readonly failMode?: object;
  readonly leaseSeconds?: number;
  /** Keeps the database on disk, so that the control plane can be started again. */
  readonly persistent?: boolean;
  readonly proxy?: Partial<ProxyConfig>;
  readonly controlPlane?: Partial<ControlPlaneConfig>;
  /** Of the control plane. */
  readonly clock?: Clock;
  /** Subject of the user that the agent acts for; the issuer is the agent's. */
  readonly user?: string;
  /** Of the agent and its user; default: one of its own. */
  readonly issuer?: TokenIssuer;
}

/**
 * Everything real, on this machine: an HTTPS API that demands a token of a real OpenID provider, a control plane, and a
 * proxy that attests with an OIDC token. The agent is the client workload `agent`, the API the server workload `api`.
 */
export class World {
  readonly api: DemandingApi;
  readonly folder: string;
  readonly proxy: Proxy;
  readonly #issuer: TokenIssuer;
  #controlPlane: ControlPlane;
  readonly #config: ControlPlaneConfig;

  private constructor(
    api: DemandingApi,
    folder: string,
    proxy: Proxy,
    issuer: TokenIssuer,
    controlPlane: ControlPlane,
    config: ControlPlaneConfig,
  ) {
    this.api = api;
    this.#issuer = issuer;
    this.folder = folder;
    this.proxy = proxy;
    this.#controlPlane = controlPlane;
    this.#config = config;
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'sidekey-world-'));
    const issuer = options.issuer ?? new TokenIssuer('https://issuer.world.test');
    const api = await startDemandingApi();
    const loopback = { host: '127.0.0.1', port: 0 };
    const config: ControlPlaneConfig = {
      dataDir: join(folder, 'control-plane'),
      inMemory: options.persistent !== true,
      grpcListen: loopback,
      restListen: loopback,
      heartbeatMs: 500,
      ...options.controlPlane,
    };
    const controlPlane = await startControlPlane(config, options.clock === undefined ? {} : { clock: options.clock });
    await applyTo(controlPlane, worldPolicy(issuer.jwks, api, options));
    if (options.user !== undefined) await applyTo(controlPlane, [usersOf(issuer)]);
    const proxy = await startProxy({
      controlPlane: { address: controlPlane.grpcAddress, caPem: controlPlane.caPem, tenant: 'default' },
      evidence: async () => [
        {
          kind: 'oidc',
          subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD,
          token: Buffer.from(await makeEvidence(issuer)),
        },
        ...(options.user === undefined
          ? []
          : [
              {
                kind: 'oidc' as const,
                subject: EvidenceSubject.EVIDENCE_SUBJECT_USER,
                token: Buffer.from(await makeEvidence(issuer, options.user)),
              },
            ]),
      ],
      listen: loopback,
      authority: options.authority ?? 'local',
      unrouted: 'deny',
      caFile: join(folder, 'proxy-ca.pem'),
      logLevel: 'silent',
      ...options.proxy,
    });
    await proxy.ready;
    await writeFile(join(folder, 'control-plane-ca.pem'), controlPlane.caPem);
    const [grpcPort, restPort] = [controlPlane.grpcAddress, controlPlane.restUrl].map(portOf);
    const samePorts = {
      grpcListen: { host: '127.0.0.1', port: grpcPort ?? 0 },
      restListen: { host: '127.0.0.1', port: restPort ?? 0 },
    };
    return new World(api, folder, proxy, issuer, controlPlane, { ...config, ...samePorts });
  }

  get controlPlane(): ControlPlane {
    return this.#controlPlane;
  }

  get proxyUrl(): string {
    return `http://127.0.0.1:${this.proxy.address.port}`;
  }

  get proxyCaFile(): string {
    return join(this.folder, 'proxy-ca.pem');
  }

  /** One REST call as the bootstrap administrator. */
  rest(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    return restCall(this.#controlPlane, method, path, body);
  }

  /** Applies more resources, each `[kind, name, spec]`. */
  apply(...resources: readonly (readonly [kind: string, name: string, spec: object])[]): Promise<void> {
    return applyTo(
      this.#controlPlane,
      resources.map(([kind, name, spec]) => makeResource(kind, name, spec)),
    );
  }

  async revoke(target: string, name: string): Promise<void> {
    const { status, body } = await this.rest('POST', '/v1/revocations', { target, name });
    if (status !== 201) throw new Error(`revoking ${target} ${name}: ${status} ${JSON.stringify(body)}`);
  }

  /** `node dist/sidekey.js ARGS` as the administrator. */
  sidekey(...args: readonly string[]): Promise<ProcessEnd> {
    return runProcess([process.execPath, 'dist/sidekey.js', ...args], {
      PATH: process.env['PATH'],
      HOME: this.folder,
      SIDEKEY_SERVER: this.#controlPlane.restUrl,
      SIDEKEY_TOKEN_FILE: this.#controlPlane.bootstrapTokenFile,
      SIDEKEY_CA_FILE: join(this.folder, 'control-plane-ca.pem'),
    });
  }

  /** Writes a token that proves to be the agent. */
  async writeEvidence(file: string): Promise<void> {
    await writeFile(file, await makeEvidence(this.#issuer));
  }

  /** `sidekey run --control-plane ... -- COMMAND`: the agent with a proxy of its own. */
  async agentWithOwnProxy(command: readonly string[], ...options: readonly string[]): Promise<ProcessEnd> {
    const evidenceFile = join(this.folder, `evidence-${crypto.randomUUID()}`);
    await this.writeEvidence(evidenceFile);
    const controlPlane = ['--control-plane', this.#controlPlane.grpcAddress, '--control-plane-ca'];
    const run = [
      'run',
      // Its evidence stands beside it, and would be warned of.
      '--isolation',
      'off',
      ...controlPlane,
      join(this.folder, 'control-plane-ca.pem'),
      '--evidence',
      `oidc=${evidenceFile}`,
    ];
    return runProcess([process.execPath, 'dist/sidekey.js', ...run, ...options, '--', ...command], {
      PATH: process.env['PATH'],
      HOME: this.folder,
    });
  }

  /** `sidekey run -- COMMAND`: any program as the agent, with nothing but PATH and HOME beside what `run` gives it. */
  agent(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProcessEnd> {
    const run = ['run', '--quiet', '--proxy', this.proxyUrl, '--proxy-ca', this.proxyCaFile, '--', ...command];
    return runProcess([process.execPath, 'dist/sidekey.js', ...run], {
      PATH: process.env['PATH'],
      HOME: this.folder,
      ...env,
    });
  }

  async stopControlPlane(): Promise<void> {
    await this.#controlPlane.close();
  }

  /** On the same ports, with the same data; the world must be persistent. */
  async startControlPlaneAgain(): Promise<void> {
    this.#controlPlane = await startControlPlane(this.#config);
  }

  async close(): Promise<void> {
    await this.proxy.close(500);
    await this.#controlPlane.close();
    await this.api.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function usersOf({ issuer, jwks }: TokenIssuer): object {
  return makeResource('TrustProvider', 'world-users', {
    type: 'oidc',
    for: 'user',
    issuer,
    audience: 'sidekey',
    jwks: { inline: jwks },
  });
}

function makeEvidence(issuer: TokenIssuer, sub = 'agent'): Promise<string> {
  return issuer.sign({ sub, jti: crypto.randomUUID() }, Date.now());
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

async function applyTo(controlPlane: ControlPlane, resources: readonly unknown[]): Promise<void> {
  const { status, body } = await restCall(controlPlane, 'POST', '/v1/apply', {
    resources,
    dryRun: false,
    prune: false,
  });
  if (status !== 200) throw new Error(`apply: ${status} ${JSON.stringify(body)}`);
}
