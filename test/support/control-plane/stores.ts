import { afterAll, beforeAll, describe } from 'vitest';
import { openStore } from '../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from './postgres.ts';

export interface StoreFixture {
  readonly store: SqlStore;
  /** A second replica on the same database; undefined on PGlite, which has one only. */
  readonly url: string | undefined;
}

/** Runs the same tests on PGlite and on a real PostgreSQL server. `fixture()` is for use inside tests and hooks. */
export function describeStores(name: string, tests: (fixture: () => StoreFixture) => void): void {
  describe(`${name} on pglite`, () => {
    let fixture: StoreFixture | undefined;
    beforeAll(async () => {
      fixture = { store: await openStore(), url: undefined };
    });
    afterAll(() => fixture?.store.close());
    tests(() => opened(fixture));
  });
  describe.skipIf(!hasPostgres)(`${name} on postgresql`, () => {
    let server: TestPostgres | undefined;
    let fixture: StoreFixture | undefined;
    beforeAll(async () => {
      server = await startPostgres();
      const url = await server.createDatabase();
      fixture = { store: await openStore({ url }), url };
    });
    afterAll(async () => {
      await fixture?.store.close();
      await server?.stop();
    });
    tests(() => opened(fixture));
  });
}

function opened(fixture: StoreFixture | undefined): StoreFixture {
  if (fixture === undefined) throw new Error('the store is not open yet');
  return fixture;
}
