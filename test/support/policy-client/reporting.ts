import { EventEmitter } from 'node:events';
import { vi } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { Backoff } from '../../../policy-client/backoff.ts';
import { Connection } from '../../../policy-client/connection.ts';
import { ProofMaker } from '../../../policy-client/attest/proof.ts';
import { RecordQueue } from '../../../policy-client/records/record-queue.ts';
import { Reporter } from '../../../policy-client/records/reporter.ts';
import type { Spool } from '../../../policy-client/records/spool.ts';
import type { Session } from '../../../policy-client/attest/session.ts';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { ReportDecisionsRequest } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { decisionRecord } from './policy-client.ts';

/** The proxy's end of a ReportDecisions stream. Holds what it was given, one list of paths a message. */
export class ReportStream extends EventEmitter {
  readonly messages: string[][] = [];
  readonly gaps: (number | undefined)[] = [];
  /** What `write` gives. */
  takesMore = true;
  isOver = false;

  write(bytes: Buffer): boolean {
    const { records, missingAfter } = ReportDecisionsRequest.decode(bytes);
    this.messages.push(records.map(({ record }) => DecisionRecord.decode(record).path));
    this.gaps.push(missingAfter?.sequence);
    return this.takesMore;
  }

  get sent(): number {
    return this.messages.flat().length;
  }

  end(): void {}

  cancel(): void {
    this.isOver = true;
  }

  acknowledge(ackedSequence: number): void {
    this.emit('data', { ackedSequence, held: undefined });
  }

  holds(sequence: number): void {
    this.emit('data', { ackedSequence: 0, held: { sequence, hash: Buffer.alloc(32, 1) } });
  }

  fail(code: number): void {
    this.emit('error', Object.assign(new Error('refused'), { code }));
  }
}

export const RETRY_MS = 10;
export const FLUSH_MS = 20;
export const SPOOL_AFTER_MS = 1_000;

/** A connection whose ReportDecisions streams the test plays. */
export async function reportStreams() {
  const connection = new Connection({ address: '127.0.0.1:1' });
  await connection.load();
  const streams: ReportStream[] = [];
  let takesMore = true;
  vi.spyOn(connection.client, 'makeBidiStreamRequest').mockImplementation((() => {
    const stream = new ReportStream();
    stream.takesMore = takesMore;
    streams.push(stream);
    return stream;
  }) as never);
  /** Whether streams that are opened from now on take more than one message. */
  const letStreamsTakeMore = (does: boolean) => (takesMore = does);
  return { connection, letStreamsTakeMore, streams };
}

/** A reporter over streams that the test plays; timers and clocks are the fake ones of vitest. */
export async function reporting(options: { readonly spool?: Spool; readonly maxMemoryBytes?: number } = {}) {
  const { spool, maxMemoryBytes = 1e9 } = options;
  const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes, spool, nowMs: () => 0 });
  const { connection, letStreamsTakeMore, streams } = await reportStreams();
  const lines: string[] = [];
  const log = (level: string) => (fields: Record<string, unknown>, text: string) => {
    const { records, spool: fault, lost, missing, reason } = fields;
    lines.push(`${level} ${text} ${JSON.stringify({ records, spool: fault, lost, missing, reason })}`);
  };
  const refused: string[] = [];
  const reporter = new Reporter({
    queue,
    connection,
    proofs: new ProofMaker(),
    backoff: new Backoff(RETRY_MS, RETRY_MS, () => 1),
    nowMs: () => Date.now(),
    monotonicMs: () => Date.now(),
    flushMs: FLUSH_MS,
    spoolAfterMs: SPOOL_AFTER_MS,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    onSessionRefused: (session, reason) => refused.push(`${session.state.id} ${reason}`),
  });
  return {
    queue,
    reporter,
    streams,
    lines,
    refused,
    letStreamsTakeMore,
    push: (...paths: string[]) => {
      for (const path of paths) reporter.record(decisionRecord({ path, grantId: 'g' }));
    },
    stream: (): ReportStream => streams.at(-1) ?? new ReportStream(),
  };
}

export function sessionNamed(id: string): Session {
  return { state: { id }, token: new Secret('t') } as unknown as Session;
}
