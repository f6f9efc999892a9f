import { enterSystem, enterTenant, type Sql, type SqlStore } from './sql-store.ts';

/** An engine before its roles exist: `transaction` runs as the user who connected, to migrate. */
export interface RawStore {
  readonly store: SqlStore;
  transaction<T>(run: (tx: RawSql) => Promise<T>): Promise<T>;
}

export interface RawSql extends Sql {
  /** Runs several statements without parameters. */
  script(text: string): Promise<void>;
}

type Begin = <T>(run: (tx: Sql) => Promise<T>) => Promise<T>;

/** The two kinds of transaction, made from a plain one. */
export function roleTransactions(begin: Begin): Pick<SqlStore, 'transaction' | 'system'> {
  return {
    transaction: (tenant, run) =>
      begin(async (tx) => {
        await enterTenant(tx, tenant);
        return run(tx);
      }),
    system: (run) =>
      begin(async (tx) => {
        await enterSystem(tx);
        return run(tx);
      }),
  };
}
