import net from 'node:net';
import tls from 'node:tls';
import { DEFAULT_HTTP1_LIMITS } from '../../../proxy/protocols/http1/limits.ts';
import { ResponseReader } from '../../../proxy/protocols/http1/message-reader.ts';
import type { HeaderList } from '../../../proxy/protocols/header-list.ts';

/** One answer as the agent read it. */
export interface AgentAnswer {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
  readonly trailers: HeaderList | undefined;
  readonly body: Buffer;
  readonly text: string;
  /** Heads of 1xx answers that came before. */
  readonly informational: readonly { status: number; headers: HeaderList }[];
}

/** An agent that writes what it likes, byte for byte, and keeps every byte it was sent. */
export class RawAgent {
  readonly socket: net.Socket | tls.TLSSocket;
  readonly #reader = new ResponseReader({ ...DEFAULT_HTTP1_LIMITS, maxHeadBytes: 65_536 });
  #received: Buffer[] = [];
  #closed = false;
  #ended = false;
  #wake: (() => void)[] = [];

  constructor(socket: net.Socket | tls.TLSSocket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes);
      this.#reader.receive(bytes);
      this.#notify();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#reader.eof();
      this.#notify();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#notify();
    });
  }

  /** Every byte the agent was sent on this connection. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  send(...parts: readonly (string | Buffer)[]): this {
    for (const part of parts) this.socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
    return this;
  }

  /** Sends and reads the answer; `method` frames it. */
  async exchange(text: string | Buffer, method = methodOf(text)): Promise<AgentAnswer> {
    this.send(text);
    return this.answer(method);
  }

  /** Reads the next answer. Throws when the connection ends first. */
  async answer(method = 'GET'): Promise<AgentAnswer> {
    this.#reader.expect(method);
    const informational: { status: number; headers: HeaderList }[] = [];
    const body: Buffer[] = [];
    let head: { status: number; reason: string; headers: HeaderList } | undefined;
    for (;;) {
      const event = this.#reader.next();
      if (event === undefined) {
        if (this.#closed || this.#ended)
          throw new Error(`closed after ${this.received.toString('latin1').slice(-300)}`);
        await this.#change();
        continue;
      }
      if (event.type === 'informational') informational.push(event.head);
      else if (event.type === 'head') head = event.head;
      else if (event.type === 'body') body.push(Buffer.from(event.bytes));
      else {
        if (head === undefined) throw new Error('an end without a head');
        const whole = Buffer.concat(body);
        const { status, reason, headers } = head;
        const text = whole.toString('utf8');
        return { status, reason, headers, trailers: event.trailers, body: whole, text, informational };
      }
    }
  }

  /** Waits until what was received satisfies the test. Throws when the connection closes before. */
  async until(test: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = this.received.toString('latin1');
      if (test(text)) return text;
      if (this.#closed) throw new Error(`closed after ${text.slice(-300)}`);
      await this.#change();
    }
  }

  /** Waits for the connection's end and answers everything it carried. */
  async closed(): Promise<string> {
    while (!this.#ended && !this.#closed) await this.#change();
    return this.received.toString('latin1');
  }

  destroy(): void {
    this.socket.destroy();
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
}

function methodOf(text: string | Buffer): string {
  return text.toString('latin1').split(' ', 1)[0] ?? 'GET';
}

/** Connects to a port of this machine. */
export async function connectRaw(port: number): Promise<RawAgent> {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new RawAgent(socket);
}

/** TLS on top of a tunnel that stands. @throws when the handshake fails */
export async function secureRaw(
  socket: net.Socket,
  options: tls.ConnectionOptions,
): Promise<{ agent: RawAgent; tls: tls.TLSSocket }> {
  socket.removeAllListeners('data');
  const secured = tls.connect({ ...options, socket });
  await new Promise<void>((resolve, reject) => {
    secured.once('secureConnect', resolve);
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('closed in the handshake')));
  });
  return { agent: new RawAgent(secured), tls: secured };
}
