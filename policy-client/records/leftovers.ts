import { readdir, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../../common/errors.ts';
import type { Backoff } from '../backoff.ts';
import type { Connection } from '../connection.ts';
import type { ProofMaker } from '../attest/proof.ts';
import { showsLife, tendLifeSigns } from './life-sign.ts';
import { RecordQueue } from './record-queue.ts';
import { Reporter } from './reporter.ts';
import type { Session } from '../attest/session.ts';
import { FREED_AT_MS, Spool } from './spool.ts';
import type { PolicyClientLog } from '../types.ts';

// A directory's name is the instance id whose chain it continues; a claimed one has the claimer's id behind it.
const INSTANCE_DIR = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.([0-9a-f-]{36}))?$/;
/** Looks after which a sign of life that nobody tended is old. */
const OLD_SIGN_LOOKS = 10;
const LEAST_PAUSE_MS = 100;

export interface LeftoverOptions {
  readonly spoolDir: string;
  readonly instanceId: string;
  /** A process that lives touches its directory more often than this. */
  readonly leftoverAgeMs: number;
  /** A directory is given up until the next look when nothing of it was delivered for this long. */
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

/** Delivers what other processes left in the spool directory when they ended, looking again and again. */
export class Leftovers {
  readonly #options: LeftoverOptions;
  /** When each directory was last touched, as the look before saw it; undefined before the first look. */
  #seen: ReadonlyMap<string, number> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #spool: Spool | undefined;
  #reporter: Reporter | undefined;
  #closed = false;
  delivered = 0;
  /** How often the control plane had lost records that come before those delivered. */
  gaps = 0;

  constructor(options: LeftoverOptions) {
    this.#options = options;
  }

  /** Looks now, and then every `leftoverAgeMs`: a process that ended a moment ago still looks alive. */
  start(): void {
    if (this.#closed) return;
    const look = async (): Promise<void> => {
      await this.look();
      if (this.#closed) return;
      this.#timer = setTimeout(() => void look(), Math.max(this.#options.leftoverAgeMs, LEAST_PAUSE_MS));
      this.#timer.unref();
    };
    void look();
  }

  /** Leaves what is not delivered to others. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#spool?.close();
    this.#reporter?.giveUp();
  }

  /** Delivers what seems dead now. Never throws. */
  async look(): Promise<void> {
    const { instanceId: own, leftoverAgeMs, log, spoolDir } = this.#options;
    const seen = new Map<string, number>();
    try {
      const names = await readdir(spoolDir);
      for (const name of names) {
        const [, instanceId, claimer] = INSTANCE_DIR.exec(name) ?? [];
        if (instanceId === undefined || name === own || this.#closed) continue;
        if (await this.#isDead(name, claimer ?? instanceId, seen)) await this.#takeOver(name, instanceId);
      }
      await tendLifeSigns(spoolDir, names, own, OLD_SIGN_LOOKS * leftoverAgeMs);
    } catch (error) {
      if (!this.#closed) log.warn({ error: describeError(error) }, 'no leftovers were delivered');
    }
    this.#seen = seen;
  }

  async #isDead(name: string, owner: string, seen: Map<string, number>): Promise<boolean> {
    const { instanceId: own, leftoverAgeMs, spoolDir } = this.#options;
    const touchedAtMs = await stat(join(spoolDir, name)).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (touchedAtMs === undefined) return false;
    seen.set(name, touchedAtMs);
    if (touchedAtMs === FREED_AT_MS || owner === own) return true;
    // The wall clock, as the file system's own times are by it.
    if (Date.now() - touchedAtMs < leftoverAgeMs) return false;
    // When this machine has slept, or its clock was set, those who live look dead until they touch theirs again.
    if (this.#seen !== undefined && this.#seen.get(name) !== touchedAtMs) return false;
    // One that stands still touches nothing, and goes on with its records when it wakes.
    return !(await showsLife(spoolDir, owner));
  }

  async #takeOver(name: string, instanceId: string): Promise<void> {
    const { instanceId: own, log, spoolDir } = this.#options;
    const dir = join(spoolDir, `${instanceId}.${own}`);
    const now = new Date();
    try {
      // Touched first, so that nobody else finds it dead under its new name.
      await utimes(join(spoolDir, name), now, now);
      // Of two that claim at once, one finds the directory gone.
      await rename(join(spoolDir, name), dir);
    } catch (error) {
      log.info({ instance: instanceId, error: describeError(error) }, 'leftover records were not claimed');
      return;
    }
    const spool = new Spool(dir, Number.MAX_SAFE_INTEGER);
    this.#spool = spool;
    try {
      await this.#deliver(spool, instanceId);
    } catch (error) {
      log.warn({ instance: instanceId, error: describeError(error) }, 'leftover records could not be delivered');
    }
    spool.close();
  }

  async #deliver(spool: Spool, instanceId: string): Promise<void> {
    const { attestAs, connection, log, monotonicMs, newBackoff, nowMs, proofs, timeoutMs } = this.#options;
    spool.load();
    const queue = new RecordQueue({ instanceId, maxMemoryBytes: 0, spool, nowMs });
    queue.resume();
    if (queue.backlog === 0) return;
    const session = await attestAs(instanceId);
    const onSessionRefused = () => reporter.setSession(undefined);
    const timings = { flushMs: 20, spoolAfterMs: timeoutMs, monotonicMs, nowMs };
    const shared = { queue, connection, proofs, backoff: newBackoff(), log, onSessionRefused };
    const reporter: Reporter = new Reporter({ ...shared, ...timings });
    this.#reporter = reporter;
    reporter.setSession(session);
    let before: number;
    do {
      before = queue.delivered;
      spool.touch();
      if (!this.#closed) await reporter.drain(timeoutMs);
    } while (queue.delivered > before && queue.backlog > 0 && !this.#closed);
    await reporter.close(0);
    this.delivered += queue.delivered;
    this.gaps += reporter.gaps;
    log.info(
      { instance: instanceId, records: queue.delivered, left: queue.backlog },
      'leftover records were delivered',
    );
  }
}
