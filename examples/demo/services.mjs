// What the agent wants to reach: an HTTPS API that demands a token, and the OpenID provider that issues it.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import { createLocalJWKSet } from 'jose';
import { createDemandingApi } from './demanding-api.mjs';
import { makeKeyPair } from './key-pair.mjs';

const AUDIENCE = 'https://api.demo.example';

/** Starts both. `seenTokens` fills with every token that the API was shown, `seenCalls` with every call. */
export async function startServices(certificates) {
  const client = { id: 'support-team', secret: randomBytes(24).toString('base64url') };
  const provider = await startProvider(certificates, client);
  const api = await startApi(certificates, provider);
  return {
    ...api,
    client,
    tokenUrl: `${provider.issuer}/token`,
  };
}

async function startProvider(certificates, client) {
  const { privateJwk, publicJwk } = makeKeyPair();
  const key = { ...privateJwk, kid: 'demo', alg: 'ES256', use: 'sig' };
  const server = createServer({ key: certificates.keyPem, cert: certificates.certPem });
  const port = await listenOnLoopback(server);
  const issuer = `https://localhost:${port}`;
  const { default: Provider } = await quietly(() => import('oidc-provider'));
  const provider = await quietly(() => new Provider(issuer, configuration(client, key)));
  server.on('request', provider.callback());
  const jwks = { keys: [{ ...publicJwk, kid: 'demo', alg: 'ES256' }] };
  return { issuer, jwks };
}

function configuration(client, key) {
  return {
    clients: [
      {
        client_id: client.id,
        id_token_signed_response_alg: 'ES256',
        client_secret: client.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    jwks: { keys: [key] },
    scopes: ['items:read'],
    ttl: { ClientCredentials: 300 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: 'items:read',
          audience: AUDIENCE,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
}

async function startApi(certificates, provider) {
  const keys = createLocalJWKSet(provider.jwks);
  const { handle, ...seen } = createDemandingApi({ keys, issuer: provider.issuer, audience: AUDIENCE });
  const server = createServer({ key: certificates.keyPem, cert: certificates.certPem }, handle);
  const port = await listenOnLoopback(server);
  return { port, url: `https://localhost:${port}`, ...seen };
}

/** Listens on 127.0.0.1; answers the port. */
async function listenOnLoopback(server) {
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

/** oidc-provider writes notices for its developers to the console while it is loaded. */
async function quietly(load) {
  const { warn, info, log } = console;
  Object.assign(console, { warn() {}, info() {}, log() {} });
  try {
    return await load();
  } finally {
    Object.assign(console, { warn, info, log });
  }
}
