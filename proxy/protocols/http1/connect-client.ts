import { type Authority, formatAuthority } from '../../../common/net/host.ts';
import { type TunnelClient, type TunnelCredentials, TunnelError, type TunnelStep } from '../tunnel-client.ts';
import { MessageError } from './message-error.ts';
import { ResponseReader } from './message-reader.ts';

/** Opens a tunnel through an HTTP proxy (RFC 9110 section 9.3.6); names are left to the proxy to resolve. */
export class ConnectClient implements TunnelClient {
  readonly #destination: Authority;
  readonly #credentials: TunnelCredentials | undefined;
  readonly #reader = new ResponseReader();

  constructor(destination: Authority, credentials: TunnelCredentials | undefined) {
    this.#destination = destination;
    this.#credentials = credentials;
    this.#reader.expect('CONNECT');
  }

  start(): Buffer {
    const authority = formatAuthority(this.#destination.host, this.#destination.port);
    const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
    if (this.#credentials !== undefined) lines.push(`Proxy-Authorization: Basic ${basic(this.#credentials)}`);
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  receive(bytes: Buffer): TunnelStep {
    try {
      this.#reader.receive(bytes);
      let event = this.#reader.next();
      while (event?.type === 'informational') event = this.#reader.next();
      if (event === undefined) return { kind: 'more' };
      if (event.type !== 'head') throw failed('the proxy gave no answer');
      if (event.head.status < 200 || event.head.status > 299) throw refused(event.head.status);
      return { kind: 'open', rest: this.#reader.takeRest() };
    } catch (cause) {
      if (cause instanceof MessageError) throw failed("the proxy's answer is malformed", { cause });
      throw cause;
    }
  }
}

/** RFC 7617 section 2. */
function basic({ user, password }: TunnelCredentials): string {
  return Buffer.concat([Buffer.from(`${user}:`, 'utf8'), password.revealBytes()]).toString('base64');
}

/** What a proxy's status says: about itself, about the upstream, or that it does not let this through. */
function refused(status: number): TunnelError {
  // tinyproxy answers 401 where 407 is meant (RFC 9110 15.5.8).
  if (status === 407 || status === 401) return failed('the proxy asks for other credentials');
  if (status === 504) return new TunnelError('connect-timeout', 'the proxy got no connection to the upstream in time');
  if (status >= 500) return new TunnelError('connect-failed', `the proxy could not reach the upstream (${status})`);
  if (status >= 400) {
    return new TunnelError('upstream-proxy-refused', `the proxy does not allow this destination (${status})`);
  }
  return failed(`the proxy answered ${status}`);
}

function failed(message: string, options?: ErrorOptions): TunnelError {
  return new TunnelError('upstream-proxy-failed', message, options);
}
