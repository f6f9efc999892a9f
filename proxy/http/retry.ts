import type { UpstreamFailure } from './streams.ts';

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Each time goes to a connection that others may fill first: a server that takes few calls on each refuses the rest again. */
const MAX_REFUSALS = 3;

/** How much of a body has gone. */
interface Sent {
  readonly sent: boolean;
  readonly done: boolean;
  /** Nothing of it, or all that has gone can go again. */
  readonly isKept: boolean;
}

/** Whether a request may be sent again, on a fresh connection. */
export class Retry {
  readonly #method: string;
  readonly #body: Sent;
  #refusals = 0;
  #used = false;

  constructor(method: string, body: Sent) {
    this.#method = method;
    this.#body = body;
  }

  /** RFC 9112 9.3.1, RFC 9113 8.7. True: it is to be sent again. */
  after({ answered, processed }: UpstreamFailure): boolean {
    if (answered) return false;
    if (processed === 'never') return this.#afterRefusal();
    return this.#use(processed === 'perhaps-not' && IDEMPOTENT.has(this.#method));
  }

  /** RFC 9449 section 9: a proof was refused for want of the server's nonce, so nothing has been done. */
  signedAnew(): boolean {
    return this.#use(this.#body.done && IDEMPOTENT.has(this.#method));
  }

  #afterRefusal(): boolean {
    if (!this.#body.isKept || this.#refusals === MAX_REFUSALS) return false;
    this.#refusals += 1;
    return true;
  }

  /** Once. */
  #use(isSafe: boolean): boolean {
    if (this.#used || this.#body.sent || !isSafe) return false;
    this.#used = true;
    return true;
  }
}
