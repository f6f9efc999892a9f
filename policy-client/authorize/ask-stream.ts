import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { AuthorizeRequest, AuthorizeResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { Connection } from '../connection.ts';
import type { ProofMaker } from '../attest/proof.ts';
import { sessionMetadata, type Session } from '../attest/session.ts';

export interface AskListener {
  onAnswer(response: AuthorizeResponse): void;
  /** Once, when the stream ends; an undefined error after `retire`. */
  onEnd(error: unknown): void;
}

/** One Authorize call. Questions of one tick go out together. */
export class AskStream {
  readonly session: Session;
  readonly #call: ClientDuplexStream<AuthorizeRequest, AuthorizeResponse>;
  readonly #listener: AskListener;
  #outbox: AuthorizeRequest[] = [];
  #open = true;
  #retired = false;

  constructor(connection: Connection, proofs: ProofMaker, session: Session, nowMs: number, listener: AskListener) {
    this.session = session;
    this.#listener = listener;
    const metadata = sessionMetadata(connection, session, proofs, 'authorize', nowMs);
    this.#call = connection.client.authorize(metadata);
    this.#call.on('data', (response: AuthorizeResponse) => {
      if (this.#open) listener.onAnswer(response);
    });
    this.#call.on('error', (error) => this.#end(error));
    this.#call.on('end', () => this.#end(this.#retired ? undefined : new Error('the control plane ended the stream')));
  }

  ask(request: AuthorizeRequest): void {
    if (this.#outbox.length === 0) process.nextTick(() => this.#flush());
    this.#outbox.push(request);
  }

  /** Takes no more questions; answers to those asked still come. */
  retire(): void {
    if (this.#retired || !this.#open) return;
    this.#flush();
    this.#retired = true;
    this.#call.end();
  }

  cancel(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#call.cancel();
  }

  #flush(): void {
    const requests = this.#outbox;
    if (requests.length === 0) return;
    this.#outbox = [];
    if (!this.#open || this.#retired) return;
    for (const request of requests) this.#call.write(request);
  }

  #end(error: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.#listener.onEnd(error);
  }
}
