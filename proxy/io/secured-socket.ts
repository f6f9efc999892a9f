import type { Socket } from 'node:net';
import tls from 'node:tls';

/** An agent's socket with TLS on top of it, of which we are the server. */
export class SecuredSocket extends tls.TLSSocket {
  readonly #below: Socket;

  constructor(below: Socket, secureContext: tls.SecureContext) {
    // HTTP/1.0 is for clients that offer nothing else (RFC 7301 3.2: the first of ours that they offer).
    super(below, { isServer: true, secureContext, ALPNProtocols: ['h2', 'http/1.1', 'http/1.0'] });
    this.#below = below;
  }

  /** Without close_notify: to be told of the end, as destroy() tells it, would be to be told that all has come (RFC 8446 6.1). */
  override resetAndDestroy(): this {
    this.#below.resetAndDestroy();
    return this.destroy();
  }
}
