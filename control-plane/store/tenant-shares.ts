import { type Patience, Shares } from '../../common/shares.ts';
import { type SqlStore, StoreUnavailable } from './sql-store.ts';

/** Transactions of one tenant at work at once: all that PGlite has room for, or half of the connections to PostgreSQL. */
const MAX_OF_TENANT: Readonly<Record<SqlStore['engine'], number>> = { pglite: 1, postgres: 5 };

/** As long as for a connection to PostgreSQL. Nobody who waits for PGlite itself gives up either. */
const PATIENCE: Readonly<Record<SqlStore['engine'], Patience | undefined>> = {
  pglite: undefined,
  postgres: {
    ms: 5_000,
    refusal: () => new StoreUnavailable(new Error('too many transactions of the tenant are at work')),
  },
};

/**
 * The same store, with a few transactions of one tenant at most at work in it: its others wait outside, in their order. They would
 * hold, or wait for, the connections that those of other tenants need, mostly for locks of their own tenant.
 */
export function shareAmongTenants(store: SqlStore): SqlStore {
  const shares = new Shares(MAX_OF_TENANT[store.engine]);
  const patience = PATIENCE[store.engine];
  return {
    ...store,
    transaction: (tenant, run) => shares.run(tenant, () => store.transaction(tenant, run), patience),
    connections: () => {
      const { waiting, ...use } = store.connections();
      return { ...use, waiting: waiting + shares.waiting };
    },
  };
}
