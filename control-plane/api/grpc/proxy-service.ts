import { type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall } from '@grpc/grpc-js';
import type {
  AttestRequest,
  AttestResponse,
  AuthorizeRequest,
  AuthorizeResponse,
  ProxyServiceServer,
  ReportDecisionsRequest,
  ReportDecisionsResponse,
} from '../../../proto/gen/sidekey/v1/proxy.ts';
import { type ChainedRecord, DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { ProxyServiceService } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { reasonFromNumber } from '../../../proto/reasons.ts';
import { ChainGap } from '../../audit/chain.ts';
import { DecisionWriter } from '../../audit/decision-writer.ts';
import type { SqlStore } from '../../store/sql-store.ts';
import { attest, type AttestOptions, checkRequest } from './attest.ts';
import { AttestTurns } from './attest-turns.ts';
import { authorize, type AuthorizeOptions } from './authorize.ts';
import { type AuthorizeCall, AnswerWriter, refuseTooLong, sizeOf } from './authorize-stream.ts';
import { isOver, OpenStreams } from './open-streams.ts';
import type { ProxyMeter } from './proxy-meter.ts';
import { ReadAhead } from './read-ahead.ts';
import { isUnforeseen, reasonOf, refuse, Refusal, toServiceError } from './refusal.ts';
import type { LiveSession } from './session-gate.ts';
import { type WatchCall, type WatchOptions, WatchStream } from './watch.ts';

export interface ProxyServiceOptions extends AttestOptions, AuthorizeOptions, WatchOptions {
  readonly store: SqlStore;
  readonly meter: ProxyMeter;
}

type ReportCall = ServerDuplexStream<ReportDecisionsRequest, ReportDecisionsResponse>;

const MAX_QUESTIONS_IN_FLIGHT = 1_024;
/** Of one stream, held until their answers are read. */
const MAX_BYTES_IN_FLIGHT = 4_194_304;
const MAX_RECORDS_IN_MESSAGE = 2_000;

/** The proxies' API. Every call passes the session gate first, Attest its own checks. */
export class ProxyService {
  /** Its interceptor belongs to the server of the handlers. */
  readonly readAhead = new ReadAhead();
  readonly #options: ProxyServiceOptions;
  readonly #attestations = new AttestTurns();
  readonly #watches = new OpenStreams();
  readonly #questions = new OpenStreams();
  readonly #reports = new OpenStreams();
  readonly #decisions: DecisionWriter;
  /** How many calls of each kind are open. */
  readonly openCalls = {
    watches: () => this.#watches.count,
    authorizeStreams: () => this.#questions.count,
    recordStreams: () => this.#reports.count,
  };

  constructor(options: ProxyServiceOptions) {
    this.#options = options;
    this.#decisions = new DecisionWriter(options.store);
  }

  /** For `grpc.Server.addService`. */
  handlers(): ProxyServiceServer {
    return {
      attest: (call, callback) => void this.#attest(call, callback),
      watch: (call) => void this.#watch(call),
      authorize: (call) => void this.#authorize(call),
      reportDecisions: (call) => void this.#report(call),
    };
  }

  /** Ends all watches, so that proxies go to another replica. */
  close(): void {
    this.#watches.endAll(new Refusal('draining', 'the control plane is shutting down'));
  }

  async #attest(
    call: ServerUnaryCall<AttestRequest, AttestResponse>,
    callback: sendUnaryData<AttestResponse>,
  ): Promise<void> {
    try {
      checkRequest(call.request);
      const answer = await this.#attestations.run(call.request.tenant, call, () => attest(this.#options, call.request));
      this.#options.meter.attested('ok');
      callback(null, answer);
    } catch (error) {
      this.#options.meter.attested(reasonOf(error));
      this.#log(error);
      callback(toServiceError(error));
    }
  }

  async #watch(call: WatchCall): Promise<void> {
    try {
      const watch = await WatchStream.open(this.#options, call);
      // A call that went while it was let in has had its events already: nothing would ever end the watch.
      if (call.cancelled || call.destroyed) return watch.end(new Refusal('draining', 'the call was cancelled'));
      this.#watches.add(watch);
      call.once('close', () => this.#watches.remove(watch));
    } catch (error) {
      this.#log(error);
      refuse(call, error);
    }
  }

  async #authorize(call: AuthorizeCall): Promise<void> {
    call.on('error', () => undefined);
    const entered = this.#enter(call, ProxyServiceService.authorize.path);
    const answers = new AnswerWriter(call);
    let inFlight = 0;
    let bytesInFlight = 0;
    const isFull = (): boolean => inFlight >= MAX_QUESTIONS_IN_FLIGHT || bytesInFlight >= MAX_BYTES_IN_FLIGHT;
    let ended = false;
    const finish = (): void => {
      if (ended && inFlight === 0) call.end();
    };
    call.on('end', () => {
      ended = true;
      finish();
    });
    call.on('data', (request: AuthorizeRequest) => {
      const size = sizeOf(request);
      const bytes = size.facts + size.inspected;
      inFlight += 1;
      bytesInFlight += bytes;
      if (!isFull()) this.readAhead.next(call);
      entered
        .then(async (session) => {
          if (!session) return;
          let work: Promise<unknown> | undefined;
          const answer = refuseTooLong(request, size) ?? (await this.#answer(session, request, (it) => (work = it)));
          await answers.write(answer);
          // One that was answered as too late is held until nothing is done for it any more: so it counts.
          await work?.catch(() => undefined);
        })
        .catch((error: unknown) => this.#log(error))
        .finally(() => {
          const wasFull = isFull();
          inFlight -= 1;
          bytesInFlight -= bytes;
          if (wasFull && !isFull()) this.readAhead.next(call);
          finish();
        });
    });
    const session = await entered;
    if (session) keepFew(this.#questions, call, session);
  }

  async #answer(
    session: LiveSession,
    request: AuthorizeRequest,
    onWork: (work: Promise<unknown>) => void,
  ): Promise<AuthorizeResponse> {
    const from = performance.now();
    const answer = await authorize(this.#options, session, request, onWork);
    const { outcome } = answer;
    const reason = outcome?.$case === 'denial' ? reasonFromNumber(outcome.value.reason) : 'ok';
    this.#options.meter.answered(reason, performance.now() - from);
    return answer;
  }

  async #report(call: ReportCall): Promise<void> {
    call.on('error', () => undefined);
    const session = await this.#enter(call, ProxyServiceService.reportDecisions.path, true);
    if (!session) return;
    keepFew(this.#reports, call, session);
    const { tenant, instanceId } = session.ticket;
    const answers = new AnswerWriter(call);
    try {
      // One message at a time: reading waits for the store, which is the stream's backpressure.
      for await (const message of call.iterator({ destroyOnReturn: false })) {
        const { missingAfter, records } = message as ReportDecisionsRequest;
        if (records.length > MAX_RECORDS_IN_MESSAGE)
          throw new Refusal('bad-request', 'too many records in one message');
        const held = records.length === 0 ? await this.#decisions.head(tenant, instanceId) : undefined;
        const ackedSequence =
          held?.sequence ?? (await this.#decisions.append(tenant, instanceId, records, missingAfter));
        this.#countRecords(records);
        await answers.write({ ackedSequence, held });
        if (isOver(call)) return;
        this.readAhead.next(call);
      }
      call.end();
    } catch (error) {
      if (isOver(call)) return;
      this.#log(error);
      if (error instanceof ChainGap) call.write({ ackedSequence: error.head.sequence, held: error.head });
      refuse(call, error);
    }
  }

  #countRecords(records: readonly ChainedRecord[]): void {
    const [oldest] = records;
    if (oldest === undefined) return;
    // It was stored, so it can be decoded.
    const { at } = DecisionRecord.decode(oldest.record);
    this.#options.meter.recordsStored(records.length, at === undefined ? 0 : this.#options.clock.now() - at.getTime());
  }

  async #enter(call: AuthorizeCall | ReportCall, path: string, evenRevoked = false): Promise<LiveSession | undefined> {
    try {
      return await this.#options.gate.enter(call.metadata, path, evenRevoked);
    } catch (error) {
      this.#log(error);
      refuse(call, error);
      return undefined;
    }
  }

  #log(error: unknown): void {
    if (isUnforeseen(error)) this.#options.onError(error);
  }
}

/** Ends a session's oldest call of this method when it has too many open. */
function keepFew(streams: OpenStreams, call: AuthorizeCall | ReportCall, { ticket }: LiveSession): void {
  if (isOver(call)) return;
  const stream = { sessionId: ticket.id, end: (error: unknown) => refuse(call, error) };
  streams.add(stream);
  call.once('close', () => streams.remove(stream));
}
