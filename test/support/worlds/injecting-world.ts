import { readFileSync } from 'node:fs';
import { fetch as undiciFetch, ProxyAgent, type RequestInit as UndiciInit } from 'undici';
import type { HttpsServer } from '../upstreams/https-server.ts';
import { until } from '../until.ts';
import { World, type WorldOptions } from './world.ts';
import { loopbackServer } from './world-policy.ts';

/** A world whose agent may call one more API, with credentials that the test chooses. */
export interface InjectingWorld {
  readonly world: World;
  /** A `fetch` of the agent, through the proxy. */
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

export interface InjectingPolicy {
  readonly paths: readonly string[];
  readonly credentials: readonly { readonly provider: string; readonly inject: object }[];
}

/** `secrets`: static credentials by the names of their providers; policies by name. Everything else is real. */
export async function startInjectingWorld(
  api: Pick<HttpsServer, 'port' | 'caPem'>,
  secrets: Readonly<Record<string, string>>,
  policies: Readonly<Record<string, InjectingPolicy>>,
  options: WorldOptions = {},
): Promise<InjectingWorld> {
  const world = await World.start(options);
  const dispatcher = new ProxyAgent({ uri: world.proxyUrl, requestTls: { ca: readFileSync(world.proxyCaFile) } });
  const server = loopbackServer(api);
  await world.apply(
    ['ServerWorkload', 'injected', server],
    ...Object.entries(secrets).map(([name, value]): [string, string, object] => [
      'CredentialProvider',
      name,
      { type: 'static', secret: { value } },
    ]),
    ...Object.entries(policies).map(([name, { paths, credentials }]): [string, string, object] => [
      'AccessPolicy',
      name,
      { clientWorkload: 'agent', serverWorkload: 'injected', rules: [{ paths }], credentials },
    ]),
  );
  await until('the new route arrives', () => world.proxy.client.routes().length === 2, 20_000);
  const through = async (input: string | URL, init: UndiciInit = {}) => undiciFetch(input, { ...init, dispatcher });
  return {
    world,
    // undici's own types and those of Node differ by version only.
    fetch: through as unknown as typeof fetch,
    close: async () => {
      await dispatcher.close();
      await world.close();
    },
  };
}
