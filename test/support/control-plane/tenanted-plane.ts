import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, type Dispatcher, request } from 'undici';
import { startHttpsServer } from '../upstreams/https-server.ts';
import { resource, TestControlPlane } from './control-plane.ts';
import { startPostgres } from './postgres.ts';
import { TokenIssuer } from './token-issuer.ts';

export type Engine = 'pglite' | 'postgresql';

/** A tenant's own administrator, by an OpenID token that names that tenant alone. */
export interface TenantAdministrator {
  readonly authorization: string;
  /** @param of another tenant to ask about */
  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    of?: string,
  ): Promise<{ status: number; text: string }>;
  /** What comes on a stream that does not end; `text` grows. */
  follow(path: string): Promise<{ text: () => string; stop(): void }>;
}

/** A control plane of several tenants, each with administrators of its own. */
export interface TenantedPlane {
  readonly plane: TestControlPlane;
  administratorOf(tenant: string): Promise<TenantAdministrator>;
  close(): Promise<void>;
}

export async function startTenantedPlane(engine: Engine, tenants: readonly string[]): Promise<TenantedPlane> {
  let issuer: TokenIssuer | undefined;
  const identityProvider = await startHttpsServer((url) => {
    issuer = new TokenIssuer(url);
    const { jwks } = issuer;
    const discovery = { issuer: url, jwks_uri: `${url}/keys` };
    return (asked, answer) => answer.end(JSON.stringify(asked.url === '/keys' ? jwks : discovery));
  });
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-tenants-'));
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, identityProvider.caPem);
  const server = engine === 'pglite' ? undefined : await startPostgres();
  const who = { issuer: identityProvider.url, audience: 'sidekey-admin', claim: 'groups', value: 'team' };
  const plane = await TestControlPlane.start({
    heartbeatMs: 200,
    adminOidc: { ...who, tenantClaim: 'tenants', caFile },
    ...(server === undefined ? {} : { inMemory: false, databaseUrl: await server.createDatabase() }),
  });
  const { status } = await plane.rest('POST', '/v1/apply', {
    resources: tenants.map((name) => resource('Tenant', name, {})),
  });
  if (status !== 200) throw new Error(`the tenants were not made: ${status}`);
  const dispatcher = new Agent({ connect: { ca: plane.running.caPem }, connections: 200 });
  return {
    plane,
    administratorOf: async (tenant) => {
      const claims = { aud: who.audience, groups: ['team'], tenants: [tenant] };
      const token = (await issuer?.sign(claims, Date.now())) ?? '';
      return administrator(plane.running.restUrl, dispatcher, tenant, `Bearer ${token}`);
    },
    close: async () => {
      await dispatcher.destroy();
      await plane.close();
      await server?.stop();
      await identityProvider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function administrator(
  url: string,
  dispatcher: Dispatcher,
  tenant: string,
  authorization: string,
): TenantAdministrator {
  return {
    authorization,
    call: async (method, path, body, of = tenant) => {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await request(`${url}${path}`, {
        method,
        dispatcher,
        headers: { authorization, 'sidekey-tenant': of, ...type },
        headersTimeout: 0,
        ...sent,
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    },
    follow: async (path) => {
      const headers = { authorization, 'sidekey-tenant': tenant };
      const { body } = await request(`${url}${path}`, { dispatcher, headers });
      let text = '';
      body.on('data', (bytes: Buffer) => (text += bytes.toString()));
      body.on('error', () => {});
      return { text: () => text, stop: () => void body.destroy() };
    },
  };
}
