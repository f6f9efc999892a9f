import { randomBytes } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { Agent, request } from 'undici';
import { createDemandingApi } from '../../../examples/demo/demanding-api.mjs';
import { startHttpsServer } from './https-server.ts';
import { startOidcProvider } from '../control-plane/oidc-provider.ts';

const AUDIENCE = 'https://api.world.test';

/** An HTTPS API that demands a token which an OpenID provider issues by client credentials. */
export interface DemandingApi {
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  readonly tokenUrl: string;
  readonly providerCaPem: string;
  readonly client: { readonly id: string; readonly secret: string };
  /** Every token that the API was shown. */
  readonly seenTokens: ReadonlySet<string>;
  /** `METHOD target` of every call that reached the API. */
  readonly seenCalls: readonly string[];
  close(): Promise<void>;
}

/** The API of the demonstration, with an OpenID provider of its own. */
export async function startDemandingApi(): Promise<DemandingApi> {
  const client = { id: 'world', secret: randomBytes(24).toString('base64url') };
  const provider = await startOidcProvider(
    [{ client_id: client.id, client_secret: client.secret, token_endpoint_auth_method: 'client_secret_basic' }],
    { audience: AUDIENCE },
  );
  const keys = createLocalJWKSet(await fetchKeys(provider.url, provider.caPem));
  const { handle, ...seen } = createDemandingApi({ keys, issuer: provider.url, audience: AUDIENCE });
  const server = await startHttpsServer(() => handle);
  return {
    ...server,
    ...seen,
    client,
    tokenUrl: `${provider.url}/token`,
    providerCaPem: provider.caPem,
    close: async () => {
      await server.close();
      await provider.close();
    },
  };
}

async function fetchKeys(issuer: string, caPem: string): Promise<JSONWebKeySet> {
  const dispatcher = new Agent({ connect: { ca: caPem } });
  const answer = await request(`${issuer}/jwks`, { dispatcher });
  const keys = (await answer.body.json()) as JSONWebKeySet;
  await dispatcher.close();
  return keys;
}
