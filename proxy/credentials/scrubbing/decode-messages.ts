import { ByteGatherer } from '../../../common/byte-gatherer.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { ContentCodingError, type ContentDecoder, createContentDecoder } from './decode-content.ts';
import { COMPRESSED, hasMessages, PrefixReader } from './message-framing.ts';

/** Where gRPC and Connect say how the messages of a body are compressed, each by itself. */
const MESSAGE_CODINGS = ['grpc-encoding', 'connect-content-encoding'] as const;
/** Where their clients say what they take. To one that says nothing, servers send messages as they are. */
export const TAKEN_MESSAGE_CODINGS = ['grpc-accept-encoding', 'connect-accept-encoding'] as const;
/** All fields that speak of how an answer's body is coded. */
export const CODING_FIELDS = ['content-encoding', ...MESSAGE_CODINGS] as const;

/** A message as it is decoded, held until its length is known; clients of gRPC take no more unless told to. */
const MAX_MESSAGE_BYTES = 4_194_304;

/**
 * A decoder for an answer's body, whether it is coded as a whole or message by message; undefined when it is not coded.
 *
 * @throws ContentCodingError when a coding is unknown, or is said of a body that cannot have it
 */
export function createAnswerDecoder(headers: HeaderList): ContentDecoder | undefined {
  if (!CODING_FIELDS.some((name) => headers.has(name))) return undefined;
  const whole = createContentDecoder(headers.getAll('content-encoding').join(', '));
  const coding = MESSAGE_CODINGS.flatMap((name) => headers.getAll(name)).join(', ');
  // Says first whether such a coding is known.
  const perMessage = createContentDecoder(coding);
  if (perMessage === undefined) return whole;
  perMessage.close();
  // Some clients go by the coding alone, and decode messages of any content type.
  if (whole !== undefined || !hasMessages(headers)) {
    throw new ContentCodingError('the body cannot have messages that are coded');
  }
  return new MessageDecoder(coding);
}

/** Sends on each message as it is without its coding. */
class MessageDecoder implements ContentDecoder {
  readonly #coding: string;
  readonly #prefix = new PrefixReader();
  /** Bytes of the message that are still to come. */
  #left = 0;
  /** For a compressed message. */
  #decoder: ContentDecoder | undefined;
  readonly #decoded = new ByteGatherer();

  constructor(coding: string) {
    this.#coding = coding;
  }

  async *decode(chunk: Buffer): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < chunk.length; ) {
      if (!this.#prefix.isWhole) {
        at += this.#prefix.take(chunk, at);
        if (!this.#prefix.isWhole) return;
        this.#begin();
        if (this.#decoder === undefined) yield this.#prefix.toBuffer();
      }
      const piece = chunk.subarray(at, at + this.#left);
      at += piece.length;
      this.#left -= piece.length;
      if (this.#decoder !== undefined) await this.#gather(this.#decoder.decode(piece));
      else if (piece.length > 0) yield piece;
      if (this.#left === 0) yield* this.#finish();
    }
  }

  async *end(): AsyncGenerator<Buffer, void, undefined> {
    yield* this.#rest();
  }

  close(): void {
    this.#decoder?.close();
  }

  /** Nothing, as each message was sent on when it ended. */
  #rest(): Buffer[] {
    if (!this.#prefix.isEmpty) throw new ContentCodingError('the body is cut short');
    return [];
  }

  #begin(): void {
    this.#left = this.#prefix.length;
    if ((this.#prefix.flags & COMPRESSED) === 0) return;
    if (this.#left > MAX_MESSAGE_BYTES) throw new ContentCodingError('a message is too long to be decoded');
    this.#decoder = createContentDecoder(this.#coding);
  }

  async #gather(decoding: AsyncGenerator<Buffer, void, undefined>): Promise<void> {
    for await (const bytes of decoding) {
      if (this.#decoded.length + bytes.length > MAX_MESSAGE_BYTES) {
        throw new ContentCodingError('a message expands too much');
      }
      this.#decoded.add(bytes);
    }
  }

  async *#finish(): AsyncGenerator<Buffer, void, undefined> {
    const prefix = this.#prefix.toBuffer();
    this.#prefix.reset();
    const decoder = this.#decoder;
    if (decoder === undefined) return;
    await this.#gather(decoder.end());
    decoder.close();
    this.#decoder = undefined;
    prefix[0] = (prefix[0] ?? 0) & ~COMPRESSED;
    prefix.writeUInt32BE(this.#decoded.length, 1);
    yield prefix;
    yield* this.#decoded.takeAll();
  }
}
