import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { publicKeySpki } from '../../../../common/x509/authority.ts';
import { TenantAuthorities } from '../../../../control-plane/credentials/tenant-authorities.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import { Sealer, SealingError, sealingKey } from '../../../../control-plane/store/sealing.ts';
import type { SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const routesTo = (...hosts: readonly string[][]): Route[] => hosts.map((of) => Route.fromPartial({ hosts: of }));
const proxyKey = publicKeySpki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);

let store: SqlStore;
let sealer: Sealer;
let clock: ManualClock;
let authorities: TenantAuthorities;

beforeAll(async () => {
  store = await openStore();
  sealer = new Sealer({ current: sealingKey(randomBytes(32)), older: [] });
  await store.system((tx) => tx.query("insert into tenants (name) values ('acme') on conflict do nothing"));
}, 180_000);
afterAll(() => store.close());
beforeEach(async () => {
  await store.system((tx) => tx.query('delete from authorities'));
  clock = new ManualClock(Date.UTC(2026, 0, 1));
  authorities = another();
});

/** As another replica, or the next process, has it. */
const another = (): TenantAuthorities => new TenantAuthorities({ store, sealer, clock });
const rootOf = async (from: TenantAuthorities, tenant: string): Promise<string> =>
  (await from.root(tenant)).certificateDer.toString('base64');
const countRoots = async (): Promise<number> =>
  (await store.system((tx) => tx.query('select id from authorities'))).length;

it('issues an intermediate of six hours for the hosts of the routes, each once, under the root of the tenant', async () => {
  const routes = routesTo(['b.example', '*.a.example'], ['b.example', '10.0.0.1']);
  const issued = await authorities.issue('acme', proxyKey, routes);
  const [intermediate, root] = (issued?.chain ?? []).map((der) => new X509Certificate(der));
  expect(issued?.permittedHosts).toEqual(['*.a.example', '10.0.0.1', 'b.example']);
  expect(issued?.notAfter).toEqual(new Date(clock.now() + 6 * HOUR_MS));
  expect(Date.parse(intermediate?.validTo ?? '')).toBe(clock.now() + 6 * HOUR_MS);
  expect(intermediate?.publicKey.export({ type: 'spki', format: 'der' })).toEqual(proxyKey);
  expect(root !== undefined && intermediate?.verify(root.publicKey)).toBe(true);
  expect(root?.subject).toBe('CN=Sidekey root of acme');
  expect(root?.raw.toString('base64')).toBe(await rootOf(authorities, 'acme'));
  expect(Date.parse(root?.validTo ?? '')).toBe(clock.now() + 10 * YEAR_MS);
});

it('issues none for a proxy without hosts, and makes no root for it', async () => {
  expect(await authorities.issue('acme', proxyKey, routesTo([]))).toBeUndefined();
  expect(await authorities.issue('acme', proxyKey, [])).toBeUndefined();
  expect(await countRoots()).toBe(0);
});

it('has one root for each tenant, whoever asks first, and however many at once', async () => {
  const others = [another(), another(), another()];
  const acme = new Set(await Promise.all([authorities, ...others].map((one) => rootOf(one, 'acme'))));
  expect(acme.size).toBe(1);
  expect(acme).not.toContain(await rootOf(authorities, 'default'));
  expect([...acme]).toEqual([await rootOf(another(), 'acme')]);
  expect(await countRoots()).toBe(2);
});

it('keeps the key sealed to its tenant: that of another is no good in its place', async () => {
  await Promise.all(['acme', 'default'].map((tenant) => authorities.root(tenant)));
  const rows = await store.system((tx) => tx.query<{ sealed: Buffer }>('select sealed from authorities'));
  const keys = await Promise.all(['acme', 'default'].map(async (tenant) => (await authorities.root(tenant)).key));
  const secrets = keys.map((key) => Buffer.from(String(key.export({ format: 'jwk' }).d), 'base64url'));
  for (const { sealed } of rows) for (const secret of secrets) expect(sealed.includes(secret)).toBe(false);
  await store.system((tx) =>
    tx.query(
      "update authorities set sealed = (select sealed from authorities where tenant = 'default') where tenant = 'acme'",
    ),
  );
  await expect(another().root('acme')).rejects.toThrow(SealingError);
});

it('makes the next root when the one before would end within the life of an intermediate', async () => {
  const first = await rootOf(authorities, 'acme');
  clock.advance(10 * YEAR_MS - 6 * HOUR_MS - 1);
  expect(await rootOf(another(), 'acme')).toBe(first);
  clock.advance(1);
  const second = await rootOf(another(), 'acme');
  expect(second).not.toBe(first);
  expect(await rootOf(another(), 'acme')).toBe(second);
});

it('takes the newest of two', async () => {
  const first = await rootOf(authorities, 'acme');
  await store.system((tx) =>
    tx.query("update authorities set created_at = now() - interval '1 day', not_after = $1", [new Date(0)]),
  );
  const second = await rootOf(another(), 'acme');
  await store.system((tx) => tx.query('update authorities set not_after = $1', [new Date(clock.now() + YEAR_MS)]));
  expect(second).not.toBe(first);
  expect(await rootOf(another(), 'acme')).toBe(second);
});

it('remembers a root, until it is to forget that of this tenant or of all, and never a failure', async () => {
  const [acme, other] = [await rootOf(authorities, 'acme'), await rootOf(authorities, 'default')];
  await store.system((tx) => tx.query('delete from authorities'));
  expect([await rootOf(authorities, 'acme'), await rootOf(authorities, 'default')]).toEqual([acme, other]);
  authorities.forget('acme');
  const next = await rootOf(authorities, 'acme');
  expect([next === acme, await rootOf(authorities, 'default')]).toEqual([false, other]);
  authorities.forget();
  expect([(await rootOf(authorities, 'acme')) === next, (await rootOf(authorities, 'default')) === other]).toEqual([
    true,
    false,
  ]);
  await store.system((tx) => tx.query("update authorities set sealed = '' where tenant = 'acme'"));
  authorities.forget();
  await expect(authorities.root('acme')).rejects.toThrow(SealingError);
  await store.system((tx) => tx.query('delete from authorities'));
  expect(await rootOf(authorities, 'acme')).not.toBe(next);
});
