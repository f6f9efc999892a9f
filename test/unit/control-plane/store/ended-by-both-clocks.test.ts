import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import { Sealer } from '../../../../control-plane/store/sealing.ts';
import { parseSealingKeys } from '../../../../control-plane/store/sealing-keys.ts';
import { createSigningKeyStore } from '../../../../control-plane/store/signing-key-store.ts';
import type { SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { pruneUsedProofs } from '../../../../control-plane/store/used-proofs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const DAY_MS = 86_400_000;

let store: SqlStore;
beforeAll(async () => {
  store = await openStore();
}, 180_000);
afterAll(() => store.close());

it('a replica whose clock is ahead removes no key that the others sign with, and one whose time is over is removed', async () => {
  const sealer = new Sealer(parseSealingKeys(randomBytes(32).toString('base64'), 'test'));
  const keys = createSigningKeyStore(store, sealer, 'issuer');
  const old = await SigningKeyRing.open(keys, new ManualClock(Date.now() - 3 * DAY_MS));
  const ring = await SigningKeyRing.open(keys, new ManualClock(Date.now()));
  expect(ring.find(old.current().id)).toBeUndefined();
  expect(await keys.load()).toHaveLength(1);
  await SigningKeyRing.open(keys, new ManualClock(Date.now() + 2 * DAY_MS));
  await ring.refresh();
  expect(ring.current().signsFrom).toBeLessThanOrEqual(Date.now());
  expect(await keys.load()).toHaveLength(2);
});

it('a replica whose clock is ahead forgets no proof that may still be used', async () => {
  const add = (id: string, expires: number) =>
    store.system((tx) =>
      tx.query("insert into used_proofs (key_thumbprint, id, expires_at) values ('key', $1, $2)", [
        id,
        new Date(expires),
      ]),
    );
  await add('spent', Date.now() - 1_000);
  await add('good', Date.now() + 60_000);
  await pruneUsedProofs(store, Date.now() + DAY_MS);
  expect(await store.system((tx) => tx.query('select id from used_proofs'))).toEqual([{ id: 'good' }]);
});
