import { readFileSync } from 'node:fs';
import { fetch as undiciFetch, ProxyAgent } from 'undici';
import { expect, vi } from 'vitest';
import { type HttpsServer, startHttpsServer } from '../upstreams/https-server.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../control-plane/postgres.ts';
import { World } from './world.ts';
import { LOOPBACK, loopbackServer, makeResource } from './world-policy.ts';

export const SECRET = 'guarded-by-whoever-gave-it-4711';
export const READY_MS = 30_000;

/** An HTTPS server that answers all calls and keeps what it was told. */
export interface Listener extends HttpsServer {
  readonly heard: string[];
}

async function startListener(): Promise<Listener> {
  const heard: string[] = [];
  const server = await startHttpsServer(() => (request, response) => {
    let text = `${request.url} ${JSON.stringify(request.rawHeaders)}`;
    request.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
    });
    request.on('end', () => {
      heard.push(text);
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    });
  });
  return { ...server, heard };
}

/** The world with one more API, whose secret is bound to it, and a host of an author of policy who does not know the secret. */
export class GuardedWorld {
  readonly world: World;
  readonly api: Listener;
  readonly evil: Listener;
  readonly databaseUrl: string | undefined;
  readonly #dispatcher: ProxyAgent;
  readonly #postgres: TestPostgres | undefined;

  private constructor(world: World, api: Listener, evil: Listener, postgres?: TestPostgres, databaseUrl?: string) {
    this.world = world;
    this.api = api;
    this.evil = evil;
    this.databaseUrl = databaseUrl;
    this.#postgres = postgres;
    this.#dispatcher = new ProxyAgent({ uri: world.proxyUrl, requestTls: { ca: readFileSync(world.proxyCaFile) } });
  }

  static async start(): Promise<GuardedWorld> {
    const postgres = hasPostgres ? await startPostgres() : undefined;
    const databaseUrl = await postgres?.createDatabase();
    const world = await World.start({ controlPlane: databaseUrl === undefined ? {} : { databaseUrl } });
    const guarded = new GuardedWorld(world, await startListener(), await startListener(), postgres, databaseUrl);
    await guarded.restore();
    return guarded;
  }

  get server(): object {
    return loopbackServer(this.api);
  }

  /** The server of the author. */
  get evilServer(): object {
    const { port, caPem } = this.evil;
    return { hosts: ['127.0.0.1'], ports: [port], tls: { ca: caPem }, allowedAddresses: LOOPBACK };
  }

  get evilUrl(): string {
    return `https://127.0.0.1:${this.evil.port}`;
  }

  get boundTo(): object {
    const { port, caPem } = this.api;
    return {
      hosts: ['localhost'],
      ports: [port],
      tls: { ca: caPem },
      inject: [{ type: 'bearer' }],
      agents: { trust: ['world'], clientWorkloads: ['agent'] },
    };
  }

  policy(changes: object = {}): object {
    return makeResource('AccessPolicy', 'guarded', {
      clientWorkload: 'agent',
      serverWorkload: 'guarded',
      credentials: [{ provider: 'guarded', inject: { type: 'bearer' } }],
      ...changes,
    });
  }

  provider(secret: object, changes: object = {}): object {
    return makeResource('CredentialProvider', 'guarded', {
      type: 'static',
      secret,
      boundTo: this.boundTo,
      ...changes,
    });
  }

  /** Everything as its owner applied it. */
  async restore(): Promise<void> {
    const { status, body } = await this.apply(
      makeResource('ServerWorkload', 'guarded', this.server),
      this.provider({ value: SECRET }),
      this.policy(),
    );
    if (status !== 200) throw new Error(`restore: ${status} ${JSON.stringify(body)}`);
    await vi.waitFor(async () => expect(await this.call(this.api.url)).toBe(200), READY_MS);
  }

  apply(...resources: readonly object[]): Promise<{ status: number; body: unknown }> {
    return this.world.rest('POST', '/v1/apply', { resources, dryRun: false, prune: false });
  }

  /** Status of the agent's call, or the reason of its denial. */
  async call(url: string): Promise<number | string> {
    const answer = await undiciFetch(`${url}/v1/items`, { dispatcher: this.#dispatcher }).catch(() => undefined);
    if (answer === undefined) return 'no tunnel';
    const text = await answer.text();
    return answer.headers.get('content-type')?.includes('problem') === true ? JSON.parse(text).code : answer.status;
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
    await this.world.close();
    await this.api.close();
    await this.evil.close();
    await this.#postgres?.stop();
  }
}
