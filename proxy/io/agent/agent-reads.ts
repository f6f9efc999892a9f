import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** From a read of so much on: TLS gives at most 16 KB at a time. */
const LARGE_READ_BYTES = 8_192;
/** One for all agents: each read is consumed before the next. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/**
 * What Node has for sockets that it dials (`onread`), on one that it accepted, where it calls it by these names: what is read comes into
 * a buffer of ours instead of fresh memory, which the collector pays for (docs/performance.md).
 */
interface Lending {
  useBuffer(take: (length: number) => boolean): void;
}

/**
 * Hands on what an agent's socket reads, from its first large read on in memory that is lent: it is written over by the next read of
 * any agent, once the reader has copied what is left unread.
 */
export class AgentReads {
  readonly #socket: Duplex;
  readonly #take: (bytes: Buffer) => void;
  readonly #reader: { copyUnread(): void };
  readonly #onData = (bytes: Buffer): void => this.#receive(bytes);
  #lending: Lending | undefined;
  #isTried = false;

  /** The reader is where `take` leaves what it does not use at once. */
  constructor(socket: Duplex, reader: { copyUnread(): void }, take: (bytes: Buffer) => void) {
    this.#socket = socket;
    this.#reader = reader;
    this.#take = take;
    socket.on('data', this.#onData);
  }

  /** The socket is an ordinary stream again, for somebody else. */
  stop(): void {
    this.#socket.removeListener('data', this.#onData);
    this.#lending?.useBuffer((length) => this.#socket.push(Buffer.from(READ_BUFFER.subarray(0, length))));
  }

  #receive(bytes: Buffer): void {
    // What the stream holds already comes before what is read into the buffer.
    if (!this.#isTried && bytes.length >= LARGE_READ_BYTES && this.#socket.readableLength === 0) this.#lend();
    this.#take(bytes);
  }

  #lend(): void {
    this.#isTried = true;
    this.#lending = lendingOf(this.#socket);
    this.#lending?.useBuffer((length) => {
      this.#take(READ_BUFFER.subarray(0, length));
      this.#reader.copyUnread();
      return true;
    });
  }
}

interface Handle {
  useUserBuffer?(buffer: Buffer): void;
}

function lendingOf(socket: Duplex): Lending | undefined {
  const fields = socket as unknown as Record<symbol, unknown>;
  const named = (name: string) => Object.getOwnPropertySymbols(fields).find(({ description }) => description === name);
  const [buffer, callback] = [named('kBuffer'), named('kBufferCb')];
  const handle = (socket as Socket & { readonly _handle?: Handle | null })._handle;
  if (buffer === undefined || callback === undefined || handle?.useUserBuffer === undefined) return undefined;
  return {
    useBuffer: (take) => {
      fields[callback] = take;
      if (fields[buffer] === READ_BUFFER) return;
      fields[buffer] = READ_BUFFER;
      handle.useUserBuffer?.(READ_BUFFER);
    },
  };
}
