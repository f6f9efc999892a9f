import type { Authority } from '../../../common/net/host.ts';
import { readIpAddress } from '../../../common/net/ip-address.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { type TunnelClient, type TunnelCredentials, TunnelError, type TunnelStep } from '../tunnel-client.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const NONE_ACCEPTABLE = 0xff;
const CONNECT = 1;
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;
const MAX_TEXT_BYTES = 255;
const MORE: TunnelStep = Object.freeze({ kind: 'more' });

/** Replies of RFC 1928 section 6. */
const REPLIES: Readonly<Record<number, readonly [reason: Reason, message: string]>> = {
  1: ['connect-failed', 'the proxy could not reach the upstream'],
  2: ['upstream-proxy-refused', 'the proxy does not allow this destination'],
  3: ['connect-failed', 'the proxy cannot reach the network of the upstream'],
  4: ['connect-failed', 'the proxy cannot reach the upstream'],
  5: ['connect-failed', 'the upstream refused the connection of the proxy'],
  6: ['connect-timeout', 'the upstream did not accept the connection of the proxy in time'],
};

type State = 'method' | 'authentication' | 'reply' | 'open';

/** Opens a tunnel through a SOCKS5 proxy (RFC 1928, RFC 1929); names are left to the proxy to resolve. */
export class Socks5Client implements TunnelClient {
  readonly #destination: Authority;
  readonly #credentials: TunnelCredentials | undefined;
  #state: State = 'method';
  /** At most one reply: 262 bytes, and what came behind it. */
  #buffered: Buffer = Buffer.alloc(0);

  constructor(destination: Authority, credentials: TunnelCredentials | undefined) {
    this.#destination = destination;
    this.#credentials = credentials;
  }

  start(): Buffer {
    return this.#credentials === undefined
      ? Buffer.from([VERSION, 1, NO_AUTHENTICATION])
      : Buffer.from([VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD]);
  }

  receive(bytes: Buffer): TunnelStep {
    this.#buffered = this.#buffered.length === 0 ? bytes : Buffer.concat([this.#buffered, bytes]);
    switch (this.#state) {
      case 'method':
        return this.#readMethod();
      case 'authentication':
        return this.#readAuthentication();
      case 'reply':
        return this.#readReply();
      case 'open':
        throw new Error('the tunnel is open');
    }
  }

  /** RFC 1928 section 3. */
  #readMethod(): TunnelStep {
    if (this.#buffered.length < 2) return MORE;
    const [version, method] = this.#buffered;
    if (version !== VERSION) throw failed('the proxy does not speak SOCKS5');
    this.#forgetAll();
    if (method === NO_AUTHENTICATION) return this.#ask();
    if (method === NONE_ACCEPTABLE) throw failed('the proxy asks for other credentials');
    if (method !== USER_AND_PASSWORD || this.#credentials === undefined) {
      throw failed('the proxy chose a method that was not offered');
    }
    this.#state = 'authentication';
    return { kind: 'send', bytes: authentication(this.#credentials) };
  }

  /** RFC 1929 section 2. */
  #readAuthentication(): TunnelStep {
    if (this.#buffered.length < 2) return MORE;
    if (this.#buffered[0] !== 1) throw failed('the proxy does not speak SOCKS5');
    if (this.#buffered[1] !== 0) throw failed('the proxy refused the user name or the password');
    this.#forgetAll();
    return this.#ask();
  }

  /** The proxy may not say anything before it was asked again. */
  #forgetAll(): void {
    if (this.#buffered.length > 2) throw failed('the proxy answered before it was asked');
    this.#buffered = Buffer.alloc(0);
  }

  #ask(): TunnelStep {
    this.#state = 'reply';
    return { kind: 'send', bytes: request(this.#destination) };
  }

  /** RFC 1928 section 6; the address in it is of no use to us. */
  #readReply(): TunnelStep {
    const bytes = this.#buffered;
    const [version, reply, reserved, type, first] = bytes;
    if (version !== undefined && version !== VERSION) throw failed('the proxy does not speak SOCKS5');
    if (reply !== undefined && reply !== 0) {
      const [reason, message] = REPLIES[reply] ?? (['upstream-proxy-failed', 'the proxy refused the request'] as const);
      throw new TunnelError(reason, message);
    }
    if (reserved !== undefined && reserved !== 0) throw failed('the proxy does not speak SOCKS5');
    if (type === undefined) return MORE;
    if (type !== ADDRESS.ipv4 && type !== ADDRESS.ipv6 && type !== ADDRESS.name) {
      throw failed('the proxy does not speak SOCKS5');
    }
    const addressBytes = type === ADDRESS.ipv4 ? 4 : type === ADDRESS.ipv6 ? 16 : 1 + (first ?? 0);
    const end = 4 + addressBytes + 2;
    if (bytes.length < end) return MORE;
    this.#state = 'open';
    return { kind: 'open', rest: bytes.subarray(end) };
  }
}

function authentication({ user, password }: TunnelCredentials): Buffer {
  const name = Buffer.from(user, 'utf8');
  const secret = password.revealBytes();
  if (name.length === 0 || name.length > MAX_TEXT_BYTES || secret.length === 0 || secret.length > MAX_TEXT_BYTES) {
    throw failed('SOCKS5 takes user names and passwords of 1 to 255 bytes');
  }
  return Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([secret.length]), secret]);
}

/** RFC 1928 sections 4 and 5. */
function request({ host, port }: Authority): Buffer {
  const address = readIpAddress(host);
  const name = address === undefined ? Buffer.from(host, 'ascii') : undefined;
  if (name !== undefined && name.length > MAX_TEXT_BYTES) throw failed('the host name is too long for SOCKS5');
  const type = name !== undefined ? ADDRESS.name : address?.length === 4 ? ADDRESS.ipv4 : ADDRESS.ipv6;
  const place = name !== undefined ? Buffer.concat([Buffer.from([name.length]), name]) : (address ?? Buffer.alloc(0));
  return Buffer.concat([Buffer.from([VERSION, CONNECT, 0, type]), place, Buffer.from([port >> 8, port & 0xff])]);
}

function failed(message: string): TunnelError {
  return new TunnelError('upstream-proxy-failed', message);
}
