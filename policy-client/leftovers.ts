import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../common/errors.ts';
import type { Backoff } from './backoff.ts';
import type { Connection } from './connection.ts';
import type { ProofMaker } from './proof.ts';
import { RecordQueue } from './record-queue.ts';
import { Reporter } from './reporter.ts';
import type { Session } from './session.ts';
import { Spool } from './spool.ts';
import type { PolicyClientLog } from './types.ts';

// A directory's name is the instance id whose chain it continues; a claimed one has the claimer's id behind it.
const INSTANCE_DIR = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.[0-9a-f-]{36})?$/;

export interface LeftoverOptions {
  readonly spoolDir: string;
  readonly instanceId: string;
  /** A process that lives touches its directory more often than this. */
  readonly leftoverAgeMs: number;
  readonly timeoutMs: number;
  readonly connection: Connection;
  readonly proofs: ProofMaker;
  readonly newBackoff: () => Backoff;
  /** A session under the dead process's instance id, so that its chain goes on. */
  readonly attestAs: (instanceId: string) => Promise<Session>;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly log: PolicyClientLog;
}

/** Delivers what processes that died left in the spool directory; returns how many records. */
export async function deliverLeftovers(options: LeftoverOptions): Promise<number> {
  let delivered = 0;
  for (const { dir, instanceId } of await claim(options)) {
    try {
      delivered += await deliver(options, dir, instanceId);
    } catch (error) {
      options.log.warn(
        { instance: instanceId, error: describeError(error) },
        'leftover records could not be delivered',
      );
    }
  }
  return delivered;
}

async function claim(options: LeftoverOptions): Promise<{ dir: string; instanceId: string }[]> {
  const { spoolDir, instanceId: own, leftoverAgeMs } = options;
  const claimed: { dir: string; instanceId: string }[] = [];
  for (const name of await readdir(spoolDir)) {
    const instanceId = INSTANCE_DIR.exec(name)?.[1];
    if (instanceId === undefined || instanceId === own) continue;
    const dir = join(spoolDir, `${instanceId}.${own}`);
    try {
      // The wall clock, as the file system's own times are by it.
      if (Date.now() - (await stat(join(spoolDir, name))).mtimeMs < leftoverAgeMs) continue;
      // Of two that claim at once, one finds the directory gone.
      await rename(join(spoolDir, name), dir);
      claimed.push({ dir, instanceId });
    } catch (error) {
      options.log.info({ instance: instanceId, error: describeError(error) }, 'leftover records were not claimed');
    }
  }
  return claimed;
}

async function deliver(options: LeftoverOptions, dir: string, instanceId: string): Promise<number> {
  const { attestAs, connection, log, monotonicMs, newBackoff, nowMs, proofs, timeoutMs } = options;
  const spool = new Spool(dir, Number.MAX_SAFE_INTEGER);
  spool.load();
  spool.touch();
  const queue = new RecordQueue({ instanceId, maxMemoryBytes: 0, spool, nowMs });
  queue.resume();
  if (queue.backlog > 0) {
    const session = await attestAs(instanceId);
    const onSessionRefused = () => reporter.setSession(undefined);
    const timings = { flushMs: 20, spoolAfterMs: timeoutMs, monotonicMs, nowMs };
    const shared = { queue, connection, proofs, backoff: newBackoff(), log, onSessionRefused };
    const reporter: Reporter = new Reporter({ ...shared, ...timings });
    reporter.setSession(session);
    await reporter.close(timeoutMs);
  } else spool.close();
  log.info({ instance: instanceId, records: queue.delivered }, 'leftover records were delivered');
  return queue.delivered;
}
