import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../common/errors.ts';
import { makeFolder } from '../../common/folder.ts';
import type { DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { Backoff } from '../backoff.ts';
import type { Connection } from '../connection.ts';
import { showLife } from './life-sign.ts';
import { Leftovers } from './leftovers.ts';
import type { ProofMaker } from '../attest/proof.ts';
import { RecordQueue } from './record-queue.ts';
import { Reporter } from './reporter.ts';
import type { Session } from '../attest/session.ts';
import { Spool } from './spool.ts';
import type { PolicyClientLimits, PolicyClientLog, PolicyClientOptions, PolicyClientStats } from '../types.ts';

export interface DecisionReportingOptions {
  readonly instanceId: string;
  readonly spoolDir: string | undefined;
  readonly limits: PolicyClientLimits;
  readonly connection: Connection;
  readonly proofs: ProofMaker;
  readonly newBackoff: () => Backoff;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly log: PolicyClientLog;
  readonly attestAs: (instanceId: string) => Promise<Session>;
  readonly onSessionRefused: (session: Session, reason: Reason) => void;
}

type RecordStats = Pick<
  PolicyClientStats,
  | 'recordsQueued'
  | 'recordsDelivered'
  | 'leftoversDelivered'
  | 'recordsLost'
  | 'recordRefusals'
  | 'recordGaps'
  | 'recordMemoryBytes'
  | 'spoolBytes'
  | 'spoolErrors'
>;

/** Where records for one control plane and tenant wait: what a process left of them is told to no other. */
export function spoolOf({ address, spoolDir, tenant }: PolicyClientOptions): string | undefined {
  if (spoolDir === undefined) return undefined;
  return join(spoolDir, `${tenant}@${address}`.replaceAll(/[^A-Za-z0-9.:@_-]/g, '_'));
}

/** Queue, spool and stream of this process's decision records, and what dead processes left. */
export class DecisionReporting {
  readonly #options: DecisionReportingOptions;
  readonly #spool: Spool | undefined;
  readonly #queue: RecordQueue;
  readonly #reporter: Reporter;
  readonly #leftovers: Leftovers | undefined;
  /** The last that was given. */
  #last: Session | undefined;
  #closing: Promise<void> | undefined;
  #hideLife: Promise<() => Promise<void>> | undefined;

  constructor(options: DecisionReportingOptions) {
    const { instanceId, limits, newBackoff, nowMs, spoolDir } = options;
    this.#options = options;
    this.#spool = spoolDir === undefined ? undefined : new Spool(join(spoolDir, instanceId), limits.maxSpoolBytes);
    const maxMemoryBytes = limits.maxRecordMemoryBytes;
    this.#queue = new RecordQueue({ instanceId, maxMemoryBytes, spool: this.#spool, nowMs });
    this.#reporter = new Reporter({
      ...options,
      queue: this.#queue,
      backoff: newBackoff(),
      flushMs: limits.recordFlushMs,
      spoolAfterMs: limits.spoolAfterMs,
    });
    const { leftoverAgeMs, attestTimeoutMs: timeoutMs } = limits;
    this.#leftovers =
      spoolDir === undefined ? undefined : new Leftovers({ ...options, spoolDir, leftoverAgeMs, timeoutMs });
  }

  /** Throws UsageError when the spool directory cannot be made, or is another user's. */
  openSpoolDir(): void {
    const { instanceId, spoolDir } = this.#options;
    if (spoolDir === undefined) return;
    try {
      makeFolder(spoolDir, 0o700);
      accessSync(spoolDir, constants.R_OK | constants.W_OK | constants.X_OK);
      this.#hideLife = showLife(spoolDir, instanceId);
    } catch (cause) {
      // A full disk passes with time, and losses are counted; a wrong path does not.
      if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw new UsageError('spool-unusable', 'the spool directory cannot be used', { cause });
    }
  }

  /** Begins to deliver what ended processes left, and goes on until closed. */
  takeOverLeftovers(): void {
    this.#leftovers?.start();
  }

  /** Whether one call more would be recorded, beside the `calls` that are under way. */
  hasRoomBeside(calls: number): boolean {
    return this.#queue.hasRoomFor('call', calls);
  }

  record(record: DecisionRecord): void {
    this.#reporter.record(record);
  }

  setSession(session: Session): void {
    this.#last = session;
    this.#reporter.setSession(session);
  }

  /**
   * The session is of no use for now. What is denied because of a revocation is reported still, also when the revocation
   * showed only after an outage: the control plane takes records of revoked sessions.
   */
  down(reason: Reason): void {
    this.#reporter.setSession(reason.endsWith('-revoked') ? this.#last : undefined);
  }

  stats(): RecordStats {
    return {
      recordsQueued: this.#queue.backlog,
      recordsDelivered: this.#queue.delivered,
      leftoversDelivered: this.#leftovers?.delivered ?? 0,
      recordsLost: this.#queue.lost,
      recordRefusals: this.#reporter.refusals,
      recordGaps: this.#reporter.gaps + (this.#leftovers?.gaps ?? 0),
      recordMemoryBytes: this.#queue.memoryBytes,
      spoolBytes: this.#spool?.bytes ?? 0,
      spoolErrors: this.#spool?.errors ?? 0,
    };
  }

  /** Delivers what it can within the deadline and spools the rest. A later call can only shorten the time. */
  async close(deadlineMs: number): Promise<void> {
    const hurry = this.#closing && setTimeout(() => this.#reporter.giveUp(), deadlineMs);
    this.#closing ??= this.#reporter.close(deadlineMs);
    await this.#closing;
    clearTimeout(hurry);
    this.#leftovers?.close();
    await (await this.#hideLife)?.();
  }
}
