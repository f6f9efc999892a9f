import { ByteQueue } from '../byte-queue.ts';
import {
  MAX_MESSAGE_BYTES,
  METHOD,
  REPLY,
  readGreeting,
  readPassword,
  readRequest,
  Socks5Error,
  type Socks5Request,
  writeMethod,
  writePasswordStatus,
  writeReply,
} from './server-messages.ts';

export type Socks5Fault =
  | 'malformed'
  | 'method-unacceptable'
  | 'password-wrong'
  | 'command-unknown'
  | 'address-unknown';

export type Socks5Command =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** The client wants to go there and waits for the reply; `rest` is what it sent behind its request. */
  | {
      readonly kind: 'connect';
      readonly host: NonNullable<Socks5Request['host']>;
      readonly port: number;
      readonly rest: Buffer;
    }
  /** Send these bytes, if any, and close. */
  | { readonly kind: 'refuse'; readonly fault: Socks5Fault; readonly message: string; readonly bytes: Buffer };

/** Whether a password is right; undefined when callers need none. */
export type PasswordCheck = ((password: Buffer) => boolean) | undefined;

type State = 'greeting' | 'password' | 'request' | 'done';

const NOTHING = Buffer.alloc(0);

/** The server's side of one SOCKS 5 handshake (RFC 1928, RFC 1929): CONNECT alone, without or with a password. */
export class Socks5Server {
  readonly #isPassword: PasswordCheck;
  readonly #queue = new ByteQueue();
  #state: State = 'greeting';

  constructor(isPassword: PasswordCheck) {
    this.#isPassword = isPassword;
  }

  /** Takes bytes as they come. After `connect` or `refuse` there are no further commands. */
  receive(bytes: Buffer): Socks5Command[] {
    const commands: Socks5Command[] = [];
    if (this.#state === 'done') return commands;
    this.#queue.push(bytes);
    try {
      for (let command = this.#step(); command !== undefined; command = this.#step()) commands.push(command);
    } catch (error) {
      if (!(error instanceof Socks5Error)) throw error;
      commands.push(this.#refuse('malformed', error.message, NOTHING));
    }
    return commands;
  }

  #step(): Socks5Command | undefined {
    if (this.#state === 'done' || this.#queue.length === 0) return undefined;
    this.#queue.gather(MAX_MESSAGE_BYTES);
    const bytes = this.#queue.front.subarray(this.#queue.start, this.#queue.end);
    switch (this.#state) {
      case 'greeting': {
        const greeting = readGreeting(bytes);
        return greeting && this.#greeted(greeting.methods, greeting.size);
      }
      case 'password': {
        const message = readPassword(bytes);
        return message && this.#authenticated(this.#isPassword?.(message.password) ?? true, message.size);
      }
      case 'request': {
        const request = readRequest(bytes);
        return request && this.#asked(request, request.size);
      }
    }
  }

  #greeted(methods: readonly number[], size: number): Socks5Command {
    this.#queue.skip(size);
    // A client that was given a password for a proxy that asks for none still gets in.
    const wanted = this.#isPassword === undefined ? [METHOD.none, METHOD.password] : [METHOD.password];
    const method = wanted.find((known) => methods.includes(known));
    if (method === undefined) {
      return this.#refuse('method-unacceptable', 'the proxy wants a password', writeMethod(METHOD.unacceptable));
    }
    this.#state = method === METHOD.password ? 'password' : 'request';
    return { kind: 'send', bytes: writeMethod(method) };
  }

  #authenticated(accepted: boolean, size: number): Socks5Command {
    this.#queue.skip(size);
    const bytes = writePasswordStatus(accepted);
    if (!accepted) return this.#refuse('password-wrong', 'the proxy token is wrong', bytes);
    this.#state = 'request';
    return { kind: 'send', bytes };
  }

  #asked(request: Socks5Request, size: number): Socks5Command {
    this.#queue.skip(size);
    const { host, port } = request;
    if (!request.connect) {
      return this.#refuse('command-unknown', 'of SOCKS only CONNECT is served', writeReply(REPLY.commandUnknown));
    }
    if (host === undefined || port === 0) {
      return this.#refuse('address-unknown', 'this is no address to connect to', writeReply(REPLY.addressUnknown));
    }
    this.#state = 'done';
    return { kind: 'connect', host, port, rest: this.#queue.takeAll() };
  }

  #refuse(fault: Socks5Fault, message: string, bytes: Buffer): Socks5Command {
    this.#state = 'done';
    return { kind: 'refuse', fault, message, bytes };
  }
}
