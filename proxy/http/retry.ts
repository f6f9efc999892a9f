import type { UpstreamFailure } from './streams.ts';

/** What was done of a request so far. */
export interface Attempt {
  readonly method: string;
  /** It was sent a second time already. */
  readonly retried: boolean;
  readonly body: { readonly sent: boolean; readonly done: boolean };
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** RFC 9112 9.3.1, RFC 9113 8.7: sent again once, on a fresh connection, while no byte of a body has gone. */
export function mayRetry({ answered, processed }: UpstreamFailure, attempt: Attempt): boolean {
  if (answered || attempt.retried || attempt.body.sent) return false;
  return processed === 'never' || (processed === 'perhaps-not' && IDEMPOTENT.has(attempt.method));
}

/** RFC 9449 section 9: a proof was refused for want of the server's nonce, so nothing has been done. */
export function mayRetrySigned({ method, retried, body }: Attempt): boolean {
  return !retried && !body.sent && body.done && IDEMPOTENT.has(method);
}
