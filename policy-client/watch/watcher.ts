import { isSidekeyError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { Revocation } from '../../proto/gen/sidekey/v1/grant.ts';
import type { Snapshot, WatchEvent } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { Backoff } from '../backoff.ts';
import { failureReason, refusesSession, type Connection } from '../connection.ts';
import type { ProofMaker } from '../attest/proof.ts';
import { Retry } from '../retry.ts';
import type { Session } from '../attest/session.ts';
import type { PolicyClientLog } from '../types.ts';
import { leadsNowhere, watchFailure, WatchStream } from './watch.ts';

export interface WatcherOptions {
  readonly connection: Connection;
  readonly proofs: ProofMaker;
  readonly backoff: Backoff;
  readonly heartbeatTimeoutMs: number;
  readonly nowMs: () => number;
  readonly knownVersion: () => number;
  readonly log: PolicyClientLog;
  /** First on each stream: from now on events arrive under this session. */
  readonly onSnapshot: (session: Session, snapshot: Snapshot) => void;
  readonly onRevocation: (revocation: Revocation) => void;
  /** No stream brings events any more. */
  readonly onDown: (reason: Reason) => void;
  readonly onSessionRefused: (session: Session, reason: Reason) => void;
}

/** Keeps a Watch stream for the present session; a renewed session's stream takes over with its first snapshot. */
export class Watcher {
  readonly #options: WatcherOptions;
  #session: Session | undefined;
  /** Has given its snapshot. */
  #current: WatchStream | undefined;
  /** Has not yet. */
  #next: WatchStream | undefined;
  readonly #retry: Retry;
  reconnects = 0;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#retry = new Retry(options.backoff);
  }

  setSession(session: Session | undefined): void {
    this.#session = session;
    this.#retry.cancel();
    this.#next?.close();
    this.#next = undefined;
    if (session !== undefined) {
      this.#open(session);
      return;
    }
    this.#current?.close();
    this.#current = undefined;
  }

  #open(session: Session): void {
    const { connection, proofs, heartbeatTimeoutMs, knownVersion, nowMs } = this.#options;
    const stream: WatchStream = new WatchStream(connection, proofs, session, knownVersion(), {
      heartbeatTimeoutMs,
      nowMs: nowMs(),
      listener: {
        onEvent: (event) => this.#receive(stream, event),
        onEnd: (error) => this.#ended(stream, error),
      },
    });
    this.#next = stream;
  }

  #receive(stream: WatchStream, event: WatchEvent): void {
    const { kind } = event;
    if (kind?.$case === 'snapshot') {
      if (stream === this.#next) {
        this.#current?.close();
        this.#current = stream;
        this.#next = undefined;
        this.#retry.succeeded();
      }
      this.#options.onSnapshot(stream.session, kind.value);
    } else if (kind?.$case === 'revocation') this.#options.onRevocation(kind.value);
  }

  #ended(stream: WatchStream, error: unknown): void {
    const { connection, log, onDown, onSessionRefused } = this.#options;
    const wasCurrent = stream === this.#current;
    if (wasCurrent) this.#current = undefined;
    if (stream === this.#next) this.#next = undefined;
    const reason = failureReason(error);
    const failure = watchFailure(error);
    if (this.#retry.isNews(reason, failure.error)) log.warn({ reason, ...failure }, 'the watch ended');
    const isRefused = refusesSession(error) || needsAttestation(error);
    if (isRefused) onSessionRefused(stream.session, reason);
    if (wasCurrent) onDown(reason);
    if (leadsNowhere(error)) connection.reset();
    else connection.leaveUnlessUp();
    const session = this.#session;
    if (isRefused || session === undefined || this.#next !== undefined) return;
    this.reconnects += 1;
    this.#retry.schedule(() => this.#open(session));
  }
}

/** The control plane has a new signing key, which comes with a new attestation, or another took its place whose release is unfit. */
function needsAttestation(error: unknown): boolean {
  return isSidekeyError(error) && (error.code === 'unknown-event-key' || error.code === 'version-unsupported');
}
