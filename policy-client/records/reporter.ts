import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { describeError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { ChainHead, DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { ReportDecisionsResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { Backoff } from '../backoff.ts';
import { failureReason, refusesSession, STATUS, type Connection } from '../connection.ts';
import type { ProofMaker } from '../attest/proof.ts';
import type { RecordQueue } from './record-queue.ts';
import { Retry } from '../retry.ts';
import { sessionMetadata, type Session } from '../attest/session.ts';
import type { PolicyClientLog } from '../types.ts';

const MAX_IN_FLIGHT_RECORDS = 2_048;
const ACK_TIMEOUT_MS = 15_000;
const TOUCH_MS = 10_000;
const NO_RECORDS = Buffer.alloc(0);

/** Sends encoded requests. */
type Call = ClientDuplexStream<Buffer, ReportDecisionsResponse>;

export interface ReporterOptions {
  readonly queue: RecordQueue;
  readonly connection: Connection;
  readonly proofs: ProofMaker;
  readonly backoff: Backoff;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly flushMs: number;
  readonly spoolAfterMs: number;
  readonly log: PolicyClientLog;
  readonly onSessionRefused: (session: Session, reason: Reason) => void;
}

/** Sends the queue's records in order and again until they are acknowledged; to the spool while nobody acknowledges. */
export class Reporter {
  readonly #options: ReporterOptions;
  #session: Session | undefined;
  #call: Call | undefined;
  #choked = false;
  /** Runs from the first record that waits to be sent. */
  #flushTimer: NodeJS.Timeout | undefined;
  /** Runs while there is a backlog. */
  #backlogTimer: NodeJS.Timeout | undefined;
  readonly #retry: Retry;
  /** When the backlog began or last shrank. */
  #progressAtMs: number;
  /** When the oldest record on its way was sent, or the last acknowledgement came. */
  #sentAtMs = 0;
  #spillFailed = false;
  /** The queue's losses when it was last flushed: more of them are logged. */
  #lost = 0;
  #touchedAtMs = 0;
  /** Ends a `drain`. */
  #onDelivered: (() => void) | undefined;
  /** Encoded; goes with every batch until the control plane has taken one: what it has lost is not here any more. */
  #gap: Buffer | undefined;
  /** Something was acknowledged to a stream that is gone, or to a dead process: the next one asks first what is stored. */
  #isUnsure: boolean;
  /** How often the control plane took records behind a gap that it was told of. */
  gaps = 0;
  /** How often the control plane refused records for what they are: they do not continue its chain, or speak for others. */
  refusals = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#retry = new Retry(options.backoff);
    this.#progressAtMs = options.monotonicMs();
    this.#isUnsure = options.queue.awaitsHead;
  }

  record(record: DecisionRecord): void {
    const { queue } = this.#options;
    if (queue.backlog === 0) this.#progressAtMs = this.#options.monotonicMs();
    queue.push(record);
    // While nothing can leave, haste would only make many small batches.
    if (!this.#canSend()) return this.#watchBacklog();
    if (this.#flushTimer !== undefined) return;
    this.#flushTimer = setTimeout(() => this.#flush(), this.#options.flushMs);
    this.#flushTimer.unref();
  }

  /** Opens a stream under this session when there is something to send; undefined ends the present one. */
  setSession(session: Session | undefined): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#retry.cancel();
    this.#drop();
    this.#flush();
  }

  /** Delivers what it can within the deadline and spools the rest. */
  async close(deadlineMs: number): Promise<void> {
    const { queue } = this.#options;
    if (this.#session !== undefined && deadlineMs > 0) await this.drain(deadlineMs);
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#backlogTimer);
    this.#retry.cancel();
    this.#session = undefined;
    queue.flush();
    if (queue.backlog > 0) {
      queue.spill();
      this.#options.log.warn({ records: queue.backlog, lost: queue.lost }, 'decision records were left undelivered');
    }
    this.#call?.end();
    this.#drop();
    queue.close();
  }

  /** Waits until all is delivered, for this long at most. */
  async drain(deadlineMs: number): Promise<void> {
    const { queue } = this.#options;
    queue.flush();
    this.#pump();
    if (queue.backlog === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#onDelivered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends a `drain`. */
  giveUp(): void {
    this.#onDelivered?.();
  }

  /** Sends what there is; also when sending has become possible again. */
  #flush(): void {
    const { queue, log } = this.#options;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    queue.flush();
    if (queue.lost > this.#lost) log.error({ lost: queue.lost }, 'decision records are being lost');
    this.#lost = queue.lost;
    this.#pump();
    if (queue.backlog > 0) this.#watchBacklog();
  }

  #watchBacklog(): void {
    if (this.#backlogTimer !== undefined) return;
    this.#backlogTimer = setTimeout(() => this.#tendBacklog(), this.#options.spoolAfterMs);
    this.#backlogTimer.unref();
  }

  #tendBacklog(): void {
    const { queue, monotonicMs, spoolAfterMs, log } = this.#options;
    this.#backlogTimer = undefined;
    this.#flush();
    if (queue.backlog === 0) return;
    if (monotonicMs() - this.#progressAtMs >= spoolAfterMs) {
      const failed = !queue.spill();
      if (failed && !this.#spillFailed) {
        log.warn({ records: queue.backlog, spool: queue.spoolFault }, 'decision records are in memory alone');
      }
      this.#spillFailed = failed;
    }
    if (this.#call !== undefined && queue.inFlight > 0 && monotonicMs() - this.#sentAtMs >= ACK_TIMEOUT_MS) {
      this.#failed(this.#call, new Error('no acknowledgement came'));
    }
    if (monotonicMs() - this.#touchedAtMs >= TOUCH_MS) {
      this.#touchedAtMs = monotonicMs();
      queue.touch();
    }
  }

  #canSend(): boolean {
    const isFull = this.#options.queue.inFlight >= MAX_IN_FLIGHT_RECORDS;
    return this.#session !== undefined && !this.#retry.isWaiting && !this.#choked && !isFull;
  }

  #pump(): void {
    const { queue } = this.#options;
    if (this.#session === undefined || !this.#canSend() || (queue.backlog === 0 && !this.#isUnsure)) return;
    const call = this.#call ?? this.#open(this.#session);
    // An empty message asks; records that follow it are answered by themselves.
    if (this.#isUnsure && !call.write(NO_RECORDS)) this.#choked = true;
    this.#isUnsure = false;
    while (this.#call === call && this.#canSend()) {
      if (queue.inFlight === 0) this.#sentAtMs = this.#options.monotonicMs();
      const batch = queue.next();
      if (batch === undefined) return;
      const { bytes } = batch;
      // Encoded messages one behind the other are one message with the fields of both.
      if (!call.write(this.#gap === undefined ? bytes : Buffer.concat([this.#gap, bytes]))) this.#choked = true;
    }
  }

  #open(session: Session): Call {
    const { connection, proofs, nowMs } = this.#options;
    const metadata = sessionMetadata(connection, session, proofs, 'reportDecisions', nowMs());
    const { path, responseDeserialize } = connection.wire.ProxyServiceService.reportDecisions;
    const serialize = (request: Buffer) => request;
    const call: Call = connection.client.makeBidiStreamRequest(path, serialize, responseDeserialize, metadata);
    this.#call = call;
    call.on('data', ({ ackedSequence, held }: ReportDecisionsResponse) => {
      if (held === undefined) this.#acknowledged(call, ackedSequence);
      else this.#holds(call, held);
    });
    call.on('drain', () => {
      if (this.#call !== call) return;
      this.#choked = false;
      this.#flush();
    });
    call.on('error', (error) => this.#failed(call, error));
    call.on('end', () => this.#failed(call, new Error('the control plane ended the stream')));
    return call;
  }

  #acknowledged(call: Call, sequence: number): void {
    if (this.#call !== call) return;
    const { monotonicMs, queue } = this.#options;
    const wasHeld = !this.#canSend();
    queue.acknowledge(sequence);
    if (this.#gap !== undefined) this.gaps += 1;
    this.#gap = undefined;
    this.#progressAtMs = monotonicMs();
    this.#sentAtMs = this.#progressAtMs;
    this.#retry.succeeded();
    // Room has come: losses so far can enter the chain.
    if (wasHeld || queue.unreportedLosses > 0) this.#flush();
    else this.#pump();
    if (queue.backlog === 0) this.#onDelivered?.();
  }

  /** Put back to an earlier state, the control plane gets what is still here, and a gap for what is not. */
  #holds(call: Call, held: ChainHead): void {
    const { log, queue } = this.#options;
    if (this.#call !== call) return;
    if (queue.goOnAfter(held)) {
      this.#pump();
      if (queue.backlog === 0) this.#onDelivered?.();
      return;
    }
    if (held.sequence >= queue.acked) {
      // With records on their way a refusal follows, which says all there is to say.
      if (queue.inFlight === 0) this.#retry.succeeded();
      return;
    }
    const acknowledged = queue.acked;
    const missing = queue.fallBack(held.sequence);
    this.#gap = missing === 0 ? undefined : this.#encodeGap(held);
    log.error({ held: held.sequence, acknowledged, missing }, 'the control plane has lost decision records');
    this.#drop();
    this.#retry.schedule(() => this.#flush());
  }

  #failed(call: Call, error: unknown): void {
    if (this.#call !== call) return;
    const { log, onSessionRefused } = this.#options;
    const session = this.#session;
    this.#drop();
    if (session === undefined) return;
    const reason = failureReason(error);
    const fields = { reason, error: describeError(error) };
    const isNews = this.#retry.isNews(reason);
    if ((error as Partial<ServiceError>).code === STATUS.failedPrecondition) {
      // They go out again all the same: what the control plane has may be put right there.
      this.refusals += 1;
      const { backlog } = this.#options.queue;
      if (isNews) log.error({ ...fields, records: backlog }, 'the control plane refuses the decision records');
    } else if (isNews) log.warn(fields, 'the decision stream ended');
    this.#retry.schedule(() => this.#flush());
    if (refusesSession(error)) onSessionRefused(session, reason);
  }

  #encodeGap(missingAfter: ChainHead): Buffer {
    const { ReportDecisionsRequest } = this.#options.connection.wire;
    return Buffer.from(ReportDecisionsRequest.encode({ records: [], missingAfter }).finish());
  }

  #drop(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#choked = false;
    this.#options.queue.rewind();
    const { acked, awaitsHead } = this.#options.queue;
    if (call !== undefined && this.#gap === undefined && (acked > 0 || awaitsHead)) this.#isUnsure = true;
    call?.cancel();
  }
}
