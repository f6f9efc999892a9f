import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { Agent, request } from 'undici';
import { startHttpsServer } from './https-server.ts';
import { startOidcProvider } from './oidc-provider.ts';

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

/**
 * `/v1/items` answers JSON; `/v1/echo` answers what was sent; `/v1/upload` counts the body's bytes; `/v1/stream` never ends.
 */
export async function startDemandingApi(): Promise<DemandingApi> {
  const client = { id: 'world', secret: randomBytes(24).toString('base64url') };
  const provider = await startOidcProvider(
    [{ client_id: client.id, client_secret: client.secret, token_endpoint_auth_method: 'client_secret_basic' }],
    { audience: AUDIENCE },
  );
  const keys = createLocalJWKSet(await fetchKeys(provider.url, provider.caPem));
  const seenTokens = new Set<string>();
  const seenCalls: string[] = [];
  const server = await startHttpsServer(() => (incoming, answer) => {
    seenCalls.push(`${incoming.method ?? ''} ${incoming.url ?? ''}`);
    serve(incoming, answer, keys, provider.url, seenTokens).catch(() => answer.destroy());
  });
  return {
    ...server,
    client,
    seenCalls,
    seenTokens,
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

async function serve(
  incoming: IncomingMessage,
  answer: ServerResponse,
  keys: JWTVerifyGetKey,
  issuer: string,
  seenTokens: Set<string>,
): Promise<void> {
  const token = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? '')?.[1];
  if (token === undefined) return send(answer, 401, { error: 'a token is needed' });
  seenTokens.add(token);
  try {
    await jwtVerify(token, keys, { issuer, audience: AUDIENCE });
  } catch {
    return send(answer, 401, { error: 'the token is not valid' });
  }
  switch (new URL(incoming.url ?? '/', 'https://localhost').pathname) {
    case '/v1/items':
      return send(answer, 200, { items: ['first', 'second'] });
    case '/v1/echo':
      return send(answer, 200, { headers: incoming.headers, base64: Buffer.from(token).toString('base64') });
    case '/v1/upload':
      return count(incoming, answer);
    case '/v1/stream':
      return stream(answer);
    default:
      return send(answer, 404, { error: 'no such thing' });
  }
}

async function count(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  let received = 0;
  for await (const bytes of incoming) received += (bytes as Buffer).length;
  send(answer, 200, { received });
}

function send(answer: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  answer.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  answer.end(text);
}

function stream(answer: ServerResponse): void {
  answer.writeHead(200, { 'content-type': 'text/plain' });
  const timer = setInterval(() => answer.write('tick\n'), 20);
  answer.on('close', () => clearInterval(timer));
}
