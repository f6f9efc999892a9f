import type { HeaderList } from '../../protocols/header-list.ts';

/** Bodies that are messages with a prefix each. The text form of gRPC-Web, base64 of such a body, is none. */
const HAS_MESSAGES = /^application\/(?:grpc|grpc-web|connect)(?:[+;]|$)/i;

/** Flags, and the length of the message (gRPC over HTTP/2, "Length-Prefixed-Message"; Connect, "Enveloped-Message"). */
const PREFIX_BYTES = 5;
export const COMPRESSED = 0x01;
/** Compressed; the end of a stream in Connect; trailers in gRPC-Web. */
const KNOWN_FLAGS = 0x83;
/** The first byte that is a character. */
const FIRST_OF_TEXT = 0x20;

/** Whether the body is a row of messages, by its content type. */
export function hasMessages(headers: HeaderList): boolean {
  return HAS_MESSAGES.test(headers.get('content-type') ?? '');
}

/** Reads the prefixes of messages, whose bytes come in any pieces. */
export class PrefixReader {
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #bytes = 0;

  /** Between two messages. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  get isWhole(): boolean {
    return this.#bytes === PREFIX_BYTES;
  }

  /** Takes what it lacks from chunk[at, ...); returns how many bytes that is. */
  take(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#prefix, this.#bytes, at);
    this.#bytes += taken;
    return taken;
  }

  get flags(): number {
    return this.#prefix[0] ?? 0;
  }

  /** No message begins with other flags, and none is so long that its length reads as text. */
  get isOfMessage(): boolean {
    return (this.flags & ~KNOWN_FLAGS) === 0 && (this.#prefix[1] ?? 0) < FIRST_OF_TEXT;
  }

  /** Of the message, in bytes. */
  get length(): number {
    return this.#prefix.readUInt32BE(1);
  }

  /** A copy of what is there. */
  toBuffer(): Buffer {
    return Buffer.from(this.#prefix.subarray(0, this.#bytes));
  }

  /** For the next message. */
  reset(): void {
    this.#bytes = 0;
  }
}
