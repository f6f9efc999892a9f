import pg from 'pg';
import { PostgresListener } from './postgres-listener.ts';
import { type RawSql, type RawStore, roleTransactions } from './raw-store.ts';
import { isOutage, isReadOnly, type SqlValue, StoreUnavailable } from './sql-store.ts';

const INT8_OID = 20;
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** For a server that is gone without a word, and so enforces nothing. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;

/** Opens a pool on PostgreSQL 15 or newer. */
export function openPostgres(url: string, onError: (error: unknown) => void = () => {}): RawStore {
  const config: pg.PoolConfig = {
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    application_name: 'sidekey',
    types: { getTypeParser },
  };
  const pool = new pg.Pool(config);
  pool.on('error', onError);
  const listener = new PostgresListener(config, onError);
  const begin = <T>(run: (tx: RawSql) => Promise<T>): Promise<T> => inTransaction(pool, run);
  let closing: Promise<void> | undefined;
  return {
    transaction: begin,
    store: {
      engine: 'postgres',
      ...roleTransactions(begin),
      listen: (channel, handler, onGap) => listener.listen(channel, handler, onGap),
      connections: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
      close: () => {
        closing ??= listener.close().then(() => pool.end());
        return closing;
      },
    },
  };
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format as 'text');

async function inTransaction<T>(pool: pg.Pool, run: (tx: RawSql) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw new StoreUnavailable(cause);
  });
  let broken: Error | undefined;
  const onClientError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onClientError);
  try {
    await client.query('begin');
    const result = await run(asSql(client));
    await client.query('commit');
    return result;
  } catch (error) {
    if (isSilence(error) || isReadOnly(error)) broken = error;
    else {
      await client.query('rollback').catch((reason: unknown) => {
        broken ??= reason instanceof Error ? reason : new Error('rollback failed');
      });
    }
    throw broken !== undefined || isOutage(error) ? new StoreUnavailable(error) : error;
  } finally {
    client.off('error', onClientError);
    client.release(broken);
  }
}

/** `query_timeout` has passed; pg gives it no code. A rollback would wait as long again. */
function isSilence(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout';
}

function asSql(client: pg.PoolClient): RawSql {
  return {
    query: async <Row>(text: string, params: readonly SqlValue[] = []) => {
      const result = await client.query(text, [...params]);
      return result.rows as Row[];
    },
    script: async (text) => {
      await client.query(text);
    },
  };
}
