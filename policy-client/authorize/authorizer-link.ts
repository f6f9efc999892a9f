import type { Reason } from '../../proto/reasons.ts';
import { AskStream } from './ask-stream.ts';
import type { Authorizer } from './authorizer.ts';
import type { Backoff } from '../backoff.ts';
import { failureReason, refusesSession, type Connection } from '../connection.ts';
import type { ProofMaker } from '../attest/proof.ts';
import { Retry } from '../retry.ts';
import type { Session } from '../attest/session.ts';

export interface AuthorizerLinkOptions {
  readonly authorizer: Authorizer;
  readonly connection: Connection;
  readonly proofs: ProofMaker;
  readonly backoff: Backoff;
  readonly nowMs: () => number;
  readonly onSessionRefused: (session: Session, reason: Reason) => void;
}

/** Keeps one Authorize stream open for the present session; a renewed session's stream takes over before the old one ends. */
export class AuthorizerLink {
  readonly #options: AuthorizerLinkOptions;
  readonly #streams = new Set<AskStream>();
  #session: Session | undefined;
  #current: AskStream | undefined;
  readonly #retry: Retry;

  constructor(options: AuthorizerLinkOptions) {
    this.#options = options;
    this.#retry = new Retry(options.backoff);
  }

  /** Opens a stream for this session unless one is open; undefined closes them all. */
  setSession(session: Session | undefined): void {
    this.#session = session;
    this.#retry.cancel();
    if (session === undefined) {
      for (const stream of [...this.#streams]) this.#forget(stream);
      return;
    }
    if (this.#current?.session !== session) this.#open(session);
  }

  #open(session: Session): void {
    const { authorizer, connection, proofs, nowMs } = this.#options;
    const old = this.#current;
    const stream: AskStream = new AskStream(connection, proofs, session, nowMs(), {
      onAnswer: (response) => {
        this.#retry.succeeded();
        authorizer.receive(stream, response);
      },
      onEnd: (error) => this.#ended(stream, error),
    });
    this.#streams.add(stream);
    this.#current = stream;
    authorizer.setPort(stream);
    old?.retire();
  }

  #ended(stream: AskStream, error: unknown): void {
    const { onSessionRefused } = this.#options;
    const wasCurrent = this.#current === stream;
    this.#forget(stream, false);
    if (!wasCurrent) return;
    if (refusesSession(error)) onSessionRefused(stream.session, failureReason(error));
    else {
      this.#retry.schedule(() => {
        if (this.#session !== undefined && this.#current === undefined) this.#open(this.#session);
      });
    }
  }

  #forget(stream: AskStream, cancel = true): void {
    this.#streams.delete(stream);
    if (this.#current === stream) this.#current = undefined;
    if (cancel) stream.cancel();
    this.#options.authorizer.portLost(stream);
  }
}
