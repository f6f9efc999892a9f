import { randomFillSync } from 'node:crypto';
import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import type { DecisionRecord, Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Route } from '../../proto/gen/sidekey/v1/route.ts';
import { REASONS, type Reason } from '../../proto/reasons.ts';
import type { SessionState } from '../../policy-client/index.ts';
import type { RequestDestination } from './request/destination.ts';
import type { Fault } from '../../common/fault.ts';

/** What is known so far of one call; every exit of every step turns it into one decision record. */
export class Call {
  readonly id = decisionId();
  readonly startedAt = performance.now();
  readonly method: string;
  destination: RequestDestination | undefined;
  /** In which it goes on: on whose behalf, for its record. */
  session: SessionState | undefined;
  route: Route | undefined;
  grant: Grant | undefined;
  fromCache = false;
  removedCredentials: string[] = [];
  scrubbed = 0;
  status = 0;
  upstreamAddress = '';
  requestBytes = 0;
  responseBytes = 0;
  accessPolicy = '';
  /** Why it ended as `internal-error`; for the log. */
  fault: Fault | undefined;
  /** What the call is within its protocol (proxy/inspection/action.ts). */
  action = '';
  /** The message of MCP that it carries, until it leaves; a refusal answers it. */
  message: Buffer | undefined;
  /** By `performance.now()`, as `startedAt`; 0 while it has not come to that. For metrics. */
  upstreamStartedAt = 0;
  upstreamAnsweredAt = 0;

  constructor(method: string) {
    this.method = method;
  }

  toRecord(outcome: Outcome, reason: Reason, now: number, session: SessionState | undefined): DecisionRecord {
    const { destination, grant } = this;
    return {
      id: this.id,
      at: new Date(now),
      sessionId: session?.id ?? '',
      workloads: session === undefined ? [] : [...session.workloads],
      user: session?.user ?? '',
      destination:
        destination === undefined
          ? undefined
          : { scheme: destination.scheme, host: destination.host, port: destination.port },
      serverWorkload: this.route?.serverWorkload ?? '',
      method: this.method,
      path: destination?.path ?? '',
      outcome,
      reason: REASONS[reason].number as DecisionRecord['reason'],
      accessPolicy: grant?.accessPolicy ?? this.accessPolicy,
      credentialProvider: grant?.credentialProvider ?? '',
      grantId: grant?.id ?? '',
      fromCache: this.fromCache,
      status: this.status,
      upstreamAddress: this.upstreamAddress,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      durationUs: Math.min(0xffffffff, Math.round((performance.now() - this.startedAt) * 1000)),
      removedCredentials: this.removedCredentials,
      scrubbed: this.scrubbed,
      instanceId: '',
      action: this.action,
    };
  }
}

const ID_CHARS = 32;
/** Of ids that are written together: few, as each holds on to the text that it is a part of. */
const WRITTEN_BYTES = 512;
const random = Buffer.allocUnsafeSlow(8 * WRITTEN_BYTES);
let drawn = random.length;
let written = '';
let at = 0;

/** 128 random bits in hex; drawn and written many at a time, because each time costs a call out of JavaScript. */
function decisionId(): string {
  if (at === written.length) write();
  at += ID_CHARS;
  return written.slice(at - ID_CHARS, at);
}

function write(): void {
  if (drawn === random.length) {
    randomFillSync(random);
    drawn = 0;
  }
  written = random.toString('hex', drawn, drawn + WRITTEN_BYTES);
  drawn += WRITTEN_BYTES;
  at = 0;
}
