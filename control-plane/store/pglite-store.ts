import { statfsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { SidekeyError } from '../../common/errors.ts';
import { makeFolder } from '../../common/folder.ts';
import { lockFolder } from './folder-lock.ts';
import { type RawSql, type RawStore, roleTransactions } from './raw-store.ts';
import { isOutage, isReadOnly, type SqlValue, StoreUnavailable } from './sql-store.ts';

const INT8_OID = 20;
const BYTEA_OID = 17;
/** How long the queries of one transaction may keep everything else in this process waiting. */
const MAX_TURN_MS = 10;
/**
 * With less than this on its disk the database is read alone. Where its log finds no room for the next file (16 MiB), it does
 * not fail but spins for ever, and this process with it, which then only kill -9 ends.
 */
const LEAST_FREE_BYTES = 32 * 1024 * 1024;

/**
 * Opens the embedded database. Only one process may hold a folder: the lock refuses a second.
 * @param freeBytes what its disk has left
 */
export async function openPglite(dataDir: string | undefined, freeBytes = freeBytesOf): Promise<RawStore> {
  if (dataDir !== undefined) makeFolder(dataDir, 0o700);
  const unlock = dataDir === undefined ? async () => {} : await lockFolder(dataDir);
  const db = await createDatabase(dataDir, unlock);
  /** Transactions that run or wait. */
  let asked = 0;
  const begin = async <T>(run: (tx: RawSql) => Promise<T>): Promise<T> => {
    asked += 1;
    try {
      return await db.transaction(async (tx) => {
        if (dataDir !== undefined && freeBytes(dataDir) < LEAST_FREE_BYTES) await tx.exec('set transaction read only');
        return run(asSql(tx));
      });
    } catch (error) {
      if (isReadOnly(error)) throw new StoreUnavailable(diskFull(dataDir, error));
      throw isOutage(error) ? new StoreUnavailable(error) : error;
    } finally {
      asked -= 1;
    }
  };
  return {
    transaction: begin,
    store: {
      engine: 'pglite',
      ...roleTransactions(begin),
      listen: async (channel, handler) => {
        const stop = await db.listen(channel, handler);
        return () => stop();
      },
      connections: () => ({ open: 1, idle: asked === 0 ? 1 : 0, waiting: Math.max(asked - 1, 0) }),
      close: async () => {
        if (!db.closed) await db.close();
        await unlock();
      },
    },
  };
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** With PostgreSQL's own code for it (appendix A). */
function diskFull(folder: string | undefined, cause: unknown): Error {
  return Object.assign(new Error(`too little is free on the disk of ${folder}`, { cause }), { code: '53100' });
}

async function createDatabase(dataDir: string | undefined, unlock: () => Promise<void>): Promise<PGlite> {
  try {
    return await PGlite.create({
      ...(dataDir === undefined ? {} : { dataDir: `${dataDir}/pgdata` }),
      parsers: { [INT8_OID]: Number, [BYTEA_OID]: (text: string) => Buffer.from(text.slice(2), 'hex') },
    });
  } catch (cause) {
    await unlock();
    throw new SidekeyError('store-failed', `cannot open the database in ${dataDir ?? 'memory'}`, {
      cause: explainFailure(cause),
    });
  }
}

/** Error numbers of the file system inside the database's WebAssembly (WASI's, not this machine's). */
const WASI_ERRORS: Readonly<Partial<Record<number, string>>> = {
  2: 'permission denied',
  29: 'input or output failed',
  51: 'no space left on device',
  69: 'read-only file system',
};

/** It throws objects that are no errors and have no message. */
function explainFailure(cause: unknown): unknown {
  if (cause instanceof Error || typeof cause !== 'object' || cause === null || !('errno' in cause)) return cause;
  const number = Number(cause.errno);
  return new Error(WASI_ERRORS[number] ?? `file system error ${number}`);
}

function asSql(tx: Transaction): RawSql {
  let turnBegan = performance.now();
  return {
    query: async <Row>(text: string, params: readonly SqlValue[] = []) => {
      // Its promises need no turn of the event loop: without one, heartbeats and calls would wait for thousands of queries.
      if (performance.now() - turnBegan > MAX_TURN_MS) {
        await setImmediate();
        turnBegan = performance.now();
      }
      return (await tx.query<Row>(text, [...params])).rows;
    },
    script: async (text) => {
      await tx.exec(text);
    },
  };
}
