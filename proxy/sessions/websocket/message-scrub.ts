import type { Scrubber, ScrubStream } from '../../credentials/scrubbing/scrub.ts';
import { Inflater } from '../../protocols/deflate/inflater.ts';
import { InflateError } from '../../protocols/deflate/inflate-error.ts';
import { CLOSE } from '../../protocols/websocket/close.ts';
import type { MessageType } from '../../protocols/websocket/frame-reader.ts';
import { Utf8Check, Utf8Mender } from '../../protocols/websocket/utf8.ts';
import { WebSocketError } from '../../protocols/websocket/websocket-error.ts';

/** What a sender leaves away at the end of each compressed message (RFC 7692 section 7.2.1). */
const DEFLATE_TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const EMPTY = Buffer.alloc(0);

/** Inflates the compressed messages of one direction, a slice at a time. */
export class MessageInflater {
  readonly #contextTakeover: boolean;
  readonly #maxMessageBytes: number;
  #inflater: Inflater | undefined;
  #input: 'none' | 'piece' | 'last-piece' | 'tail' = 'none';
  #messageBytes = 0;

  constructor(contextTakeover: boolean, maxMessageBytes: number) {
    this.#contextTakeover = contextTakeover;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether input was given that `read` has not gone through. */
  get isBusy(): boolean {
    return this.#input !== 'none';
  }

  /** Gives the next compressed piece of a message; the bytes must stay as they are. */
  feed(piece: Buffer, isLast: boolean): void {
    this.#inflater ??= new Inflater();
    this.#inflater.feed(piece);
    this.#input = isLast ? 'last-piece' : 'piece';
  }

  /** The next slice; undefined, and not busy any more, when more input is needed. @throws WebSocketError */
  read(): { bytes: Buffer; isLast: boolean } | undefined {
    const inflater = this.#inflater;
    if (inflater === undefined || this.#input === 'none') return undefined;
    try {
      for (;;) {
        const bytes = inflater.read();
        if (bytes !== undefined) return { bytes: this.#counted(bytes), isLast: false };
        if (this.#input === 'last-piece') {
          this.#input = 'tail';
          inflater.feed(DEFLATE_TAIL);
          continue;
        }
        const isLast = this.#input === 'tail';
        this.#input = 'none';
        if (!isLast) return undefined;
        if (!inflater.isBetweenBlocks) throw new InflateError('the message is cut short');
        if (!this.#contextTakeover) inflater.forget();
        this.#messageBytes = 0;
        return { bytes: EMPTY, isLast: true };
      }
    } catch (error) {
      if (!(error instanceof InflateError)) throw error;
      throw new WebSocketError(CLOSE.invalidPayload, 'the message cannot be inflated');
    }
  }

  #counted(bytes: Buffer): Buffer {
    this.#messageBytes += bytes.length;
    if (this.#messageBytes > this.#maxMessageBytes) throw new WebSocketError(CLOSE.tooBig, 'the message is too long');
    return bytes;
  }
}

/** Checks and scrubs the plain content of one message. */
export class MessageContent {
  readonly #check: Utf8Check | undefined;
  readonly #scrub: ScrubStream | undefined;
  readonly #mender: Utf8Mender | undefined;

  constructor(type: MessageType, scrubber: Scrubber | undefined) {
    this.#check = type === 'text' ? new Utf8Check() : undefined;
    this.#scrub = scrubber?.stream();
    this.#mender = type === 'text' && scrubber !== undefined ? new Utf8Mender() : undefined;
  }

  get hits(): number {
    return this.#scrub?.hits ?? 0;
  }

  /** What can go on; the bytes are changed in place. @throws WebSocketError when text is not UTF-8 */
  push(bytes: Buffer, isLast: boolean): Buffer {
    if (this.#check?.accepts(bytes, isLast) === false) {
      throw new WebSocketError(CLOSE.invalidPayload, 'the text is not UTF-8');
    }
    if (this.#scrub === undefined) return bytes;
    const [scrubbed = EMPTY] = isLast ? this.#scrub.pushLast(bytes) : this.#scrub.push(bytes);
    return this.#mender === undefined ? scrubbed : this.#mender.mend(scrubbed, isLast);
  }
}
