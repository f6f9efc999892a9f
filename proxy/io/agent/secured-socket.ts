import type { Socket } from 'node:net';
import tls from 'node:tls';
import { SOCKET_BYTES } from '../turn.ts';

/** In wire form (RFC 7301 3.1), or Node would write it anew for each connection. HTTP/1.0 is for clients that offer nothing else. */
const PROTOCOLS = Buffer.from('\x02h2\x08http/1.1\x08http/1.0', 'latin1');

/** An agent's socket with TLS on top of it, of which we are the server. */
export class SecuredSocket extends tls.TLSSocket {
  readonly #below: Socket;

  constructor(below: Socket, secureContext: tls.SecureContext) {
    // The first of ours that they offer is taken (RFC 7301 3.2).
    const options = { isServer: true, secureContext, ALPNProtocols: PROTOCOLS, highWaterMark: SOCKET_BYTES };
    super(below, options);
    this.#below = below;
    // What goes wrong once it is secure (a broken record, a fatal alert, endless renegotiation) Node tells a tls.Server alone.
    this.once('_tlsError', () => this.destroy());
    this.on('close', letGo);
    below.on('close', letGo);
  }

  /** Without close_notify: to be told of the end, as destroy() tells it, would be to be told that all has come (RFC 8446 6.1). */
  override resetAndDestroy(): this {
    this.#below.resetAndDestroy();
    return this.destroy();
  }
}

/**
 * Node keeps both sockets until the next full collection (their handle gets accessors, which V8 makes old at once), and would all that
 * listens to them.
 */
function letGo(this: Socket): void {
  this.removeAllListeners();
  this.on('error', ignore);
}

function ignore(): void {}
