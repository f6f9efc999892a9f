import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRootAuthority } from '../../../common/x509/authority.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { requestToken } from '../../support/control-plane/client-credentials.ts';
import { TestControlPlane } from '../../support/control-plane/control-plane.ts';
import { type ProviderServer, startOidcProvider } from '../../support/control-plane/oidc-provider.ts';

const CLIENT = { client_secret: 's'.repeat(32), token_endpoint_auth_method: 'client_secret_basic' } as const;

let folder: string;
let provider: ProviderServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidekey-admins-'));
  provider = await startOidcProvider(
    [
      { ...CLIENT, client_id: 'platform-team' },
      { ...CLIENT, client_id: 'sales-team' },
    ],
    { audience: 'https://sidekey.example.com', claimsOf: () => ({ sidekey: { tenants: ['default'] } }) },
  );
  await writeFile(join(folder, 'ca.pem'), provider.caPem);
}, 60_000);
afterAll(async () => {
  await provider.close();
  await rm(folder, { recursive: true, force: true });
});

const administrators = (caFile?: string) => ({
  issuer: provider.url,
  audience: 'https://sidekey.example.com',
  claim: 'sub',
  value: 'platform-team',
  caFile,
});

const tokenOf = (client: string): Promise<string> => requestToken(provider, client, CLIENT.client_secret);

it('takes tokens of a company issuer: a private address, an authority of its own', async () => {
  const plane = await TestControlPlane.start({ adminOidc: administrators(join(folder, 'ca.pem')) });
  const platform = await plane.rest('GET', '/v1/resources', undefined, await tokenOf('platform-team'));
  expect(platform).toMatchObject({ status: 200, body: { resources: [] } });
  const sales = await plane.rest('GET', '/v1/resources', undefined, await tokenOf('sales-team'));
  expect(sales).toMatchObject({
    status: 401,
    body: { detail: expect.stringContaining('claims do not make an administrator') },
  });
  expect(plane.errors).toEqual([]);
  await plane.close();
}, 90_000);

it('follows the file of authorities for reaching it', { timeout: 90_000 }, async () => {
  const caFile = join(folder, 'followed.pem');
  await writeFile(caFile, toPem(createRootAuthority('somebody else').certificateDer));
  const plane = await TestControlPlane.start({ adminOidc: administrators(caFile) });
  const token = await tokenOf('platform-team');
  const ask = async (): Promise<number> => (await plane.rest('GET', '/v1/resources', undefined, token)).status;
  expect(await ask()).toBe(401);
  await writeFile(caFile, provider.caPem);
  await expect.poll(ask, { timeout: 20_000 }).toBe(200);
  await plane.close();
});

it('holds them to the tenants that their token names', async () => {
  const adminOidc = { ...administrators(join(folder, 'ca.pem')), tenantClaim: 'sidekey.tenants' };
  const plane = await TestControlPlane.start({ adminOidc });
  const token = await tokenOf('platform-team');
  expect((await plane.rest('GET', '/v1/resources', undefined, token)).status).toBe(200);
  expect(await plane.rest('POST', '/v1/keys/rotate', undefined, token)).toMatchObject({
    status: 403,
    body: { code: 'tenant-forbidden' },
  });
  await plane.close();
}, 90_000);

it('tells the operator why the keys cannot be fetched, and the caller that they cannot', async () => {
  const plane = await TestControlPlane.start({ adminOidc: administrators() });
  const token = await tokenOf('platform-team');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    expect(await plane.rest('GET', '/v1/resources', undefined, token)).toMatchObject({
      status: 401,
      body: { detail: expect.stringMatching(/could not be fetched \(evidence-keys-unavailable\)/) },
    });
  }
  // Once, not at each call: callers who are nobody must not fill the log.
  expect(plane.errors).toHaveLength(1);
  expect(plane.errors[0]).toMatchObject({ reason: 'evidence-keys-unavailable', cause: expect.anything() });
  await plane.close();
}, 90_000);
