import { SidekeyError } from '../../common/errors.ts';
import type { Secret } from '../../common/secret.ts';
import type { Reason } from '../../proto/reasons.ts';

/** What a proxy between us and the upstream asks of those who use it. */
export interface TunnelCredentials {
  readonly user: string;
  readonly password: Secret;
}

export type TunnelStep =
  /** Bytes are missing. */
  | { readonly kind: 'more' }
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** The tunnel stands; `rest` is what its far end has sent already. */
  | { readonly kind: 'open'; readonly rest: Buffer };

/** The client's side of a protocol that opens a tunnel. */
export interface TunnelClient {
  /** What to send first. */
  start(): Buffer;
  /** Takes what the proxy sent; after `open` it is not called any more. @throws TunnelError */
  receive(bytes: Buffer): TunnelStep;
}

/** The proxy refused, failed, or does not speak the protocol. The message holds none of its bytes. */
export class TunnelError extends SidekeyError {
  declare readonly code: Reason;

  constructor(code: Reason, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
