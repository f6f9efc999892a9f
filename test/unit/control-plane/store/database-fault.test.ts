import { expect, it } from 'vitest';
import { createDatabaseCheck } from '../../../../control-plane/store/database-fault.ts';
import type { Sql, SqlStore } from '../../../../control-plane/store/sql-store.ts';

/** A store whose transactions the test ends: with what it reads, or with an error. */
function heldStore() {
  const held: { end(): void; fail(): void }[] = [];
  const tx = { query: async () => [] } as unknown as Sql;
  const store = {
    engine: 'pglite',
    system: (run: (tx: Sql) => Promise<unknown>) =>
      new Promise((resolve, reject) => {
        held.push({ end: () => resolve(run(tx)), fail: () => reject(new Error('no connection')) });
      }),
  } as unknown as SqlStore;
  return { held, store };
}

it('asks the database once for all who ask meanwhile, and not again for a second when all is well', async () => {
  const { held, store } = heldStore();
  let now = 0;
  const faultOf = createDatabaseCheck(store, () => now);
  const first = [faultOf(), faultOf(), faultOf()];
  expect(held.length).toBe(1);
  held[0]?.end();
  expect(await Promise.all(first)).toEqual([undefined, undefined, undefined]);
  now = 999;
  expect(await faultOf()).toBeUndefined();
  expect(held.length).toBe(1);
  now = 1_000;
  const later = faultOf();
  expect(held.length).toBe(2);
  held[1]?.end();
  expect(await later).toBeUndefined();
});

it('asks again at once after a fault', async () => {
  const { held, store } = heldStore();
  const faultOf = createDatabaseCheck(store, () => 0);
  const first = faultOf();
  held[0]?.fail();
  expect(await first).toBe('the database does not answer');
  const second = faultOf();
  expect(held.length).toBe(2);
  held[1]?.end();
  expect(await second).toBeUndefined();
});
