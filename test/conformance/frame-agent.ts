import type net from 'node:net';
import { FrameType, Flag } from '../../proxy/protocols/http2/frames.ts';
import { HpackDecoder } from '../../proxy/protocols/http2/hpack-decoder.ts';
import { DEFAULT_HTTP2_LIMITS } from '../../proxy/sessions/http2/limits.ts';
import { CLIENT_START, describeFrame, type Frame, type Pairs } from '../support/protocols/http2-frames.ts';

/** What one stream was told. */
export interface StreamAnswer {
  readonly heads: Map<string, string>[];
  readonly body: Buffer;
}

/** One end of an HTTP/2 connection that sends frames by hand and keeps every frame that it is sent. */
export class FrameLog {
  readonly frames: Frame[] = [];
  readonly #socket: net.Socket;
  /** Called for every frame, once it is kept. */
  onFrame: (frame: Frame) => void = () => {};
  readonly #decoder = new HpackDecoder(DEFAULT_HTTP2_LIMITS);
  readonly #answers = new Map<number, { heads: Map<string, string>[]; body: Buffer }>();
  #pending: Buffer = Buffer.alloc(0);
  #wake: (() => void)[] = [];
  #closed = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.receive(bytes));
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#closed = true;
        this.#notify();
      });
    }
  }

  send(...parts: readonly Buffer[]): this {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(parts));
    return this;
  }

  /** Says that nothing more will be sent. */
  end(): void {
    this.#socket.end();
  }

  answer(stream: number): StreamAnswer {
    return this.#answers.get(stream) ?? { heads: [], body: Buffer.alloc(0) };
  }

  /** Waits for a frame whose description begins like this (`GOAWAY 1 PROTOCOL_ERROR`). */
  async until(description: string): Promise<void> {
    await this.#when(() => this.described.some((one) => one.startsWith(description)), description);
  }

  /** Waits for the whole answer on a stream. */
  async whole(stream = 1): Promise<StreamAnswer & { status: string | undefined }> {
    const ended = (frame: Frame): boolean =>
      frame.stream === stream && frame.type <= FrameType.HEADERS && (frame.flags & Flag.END_STREAM) !== 0;
    await this.#when(() => this.frames.some(ended), `the end of stream ${stream}`);
    const answer = this.answer(stream);
    return { ...answer, status: answer.heads.find((head) => !head.get(':status')?.startsWith('1'))?.get(':status') };
  }

  /** Waits until the proxy has broken the connection; its last word. */
  async broken(): Promise<string> {
    await this.#when(() => this.#closed, 'the end');
    return this.described.findLast((one) => one.startsWith('GOAWAY')) ?? 'no GOAWAY';
  }

  get described(): string[] {
    return this.frames.map(describeFrame);
  }

  protected receive(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 9) {
      const end = 9 + this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < end) break;
      const [type = 0, flags = 0] = this.#pending.subarray(3, 5);
      const stream = this.#pending.readUInt32BE(5);
      this.#keep({ type, flags, stream, payload: Buffer.from(this.#pending.subarray(9, end)) });
      this.#pending = this.#pending.subarray(end);
    }
    this.#notify();
  }

  #keep(frame: Frame): void {
    this.frames.push(frame);
    const answer = this.#answers.get(frame.stream) ?? { heads: [], body: Buffer.alloc(0) };
    if (frame.type === FrameType.HEADERS) {
      this.#decoder.decode(frame.payload, 0, frame.payload.length);
      answer.heads.push(new Map(this.#decoder.fields.map(({ name, value }) => [name, value])));
    } else if (frame.type === FrameType.DATA) answer.body = Buffer.concat([answer.body, frame.payload]);
    this.#answers.set(frame.stream, answer);
    this.onFrame(frame);
  }

  async #when(holds: () => boolean, what: string): Promise<void> {
    const endsAt = performance.now() + 40_000;
    while (!holds()) {
      if (this.#closed || performance.now() > endsAt) {
        throw new Error(`waited for ${what}; closed: ${this.#closed}; got ${this.described.join(', ')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

/** An agent's end, in a tunnel through the proxy. */
export class FrameAgent extends FrameLog {
  readonly authority: string;

  constructor(socket: net.Socket, authority: string) {
    super(socket);
    this.authority = authority;
  }

  /** A GET of this authority, with what a case changes. */
  get(...more: Pairs): Pairs {
    return this.request('GET', ...more);
  }

  request(method: string, ...more: Pairs): Pairs {
    const pseudo: Pairs = [
      [':method', method],
      [':scheme', 'https'],
      [':authority', this.authority],
      [':path', '/'],
    ];
    return [...pseudo, ...more];
  }

  /** The client's preface and empty SETTINGS, then these. */
  start(...parts: readonly Buffer[]): this {
    return this.send(CLIENT_START, ...parts);
  }
}
