import type { Scrubber } from '../../credentials/scrubbing/scrub.ts';
import { CLOSE } from '../../protocols/websocket/close.ts';
import { OPCODE } from '../../protocols/websocket/frame.ts';
import {
  FrameReader,
  type FrameReaderOptions,
  type MessageType,
  type WebSocketEvent,
} from '../../protocols/websocket/frame-reader.ts';
import { Utf8Mender } from '../../protocols/websocket/utf8.ts';
import { WebSocketError } from '../../protocols/websocket/websocket-error.ts';
import { MessageContent, MessageInflater } from './message-scrub.ts';
import type { FrameOutput } from './frame-output.ts';

export interface DirectionOptions extends FrameReaderOptions {
  readonly scrubber: Scrubber | undefined;
  /** The sender keeps its compression window from message to message. */
  readonly contextTakeover: boolean;
}

/** The message under way. */
interface Message {
  readonly type: MessageType;
  /** Compressed, and passed on so. */
  readonly opaque: boolean;
  /** undefined: its content cannot be looked at, or need not be. */
  readonly content: MessageContent | undefined;
  isBegun: boolean;
}

const EMPTY = Buffer.alloc(0);

/** One direction of a WebSocket: reads what one side sends, checks and scrubs it, and frames it anew for the other. */
export class Direction {
  /** Control frames since the other side was heard. */
  controlsInRow = 0;
  readonly #options: DirectionOptions;
  readonly #reader: FrameReader;
  readonly #inflater: MessageInflater;
  readonly #output: FrameOutput;
  #message: Message | undefined;
  /** A slice that waits for the next one, to be told whether it is the message's last. */
  #waiting: Buffer | undefined;
  #hits = 0;
  #isClosed = false;

  constructor(options: DirectionOptions, output: FrameOutput) {
    this.#options = options;
    this.#reader = new FrameReader(options);
    this.#inflater = new MessageInflater(options.contextTakeover, options.limits.maxMessageBytes);
    this.#output = output;
  }

  /** Secrets masked so far. */
  get hits(): number {
    return this.#hits + (this.#message?.content?.hits ?? 0);
  }

  /** Whether this side has sent its Close. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  receive(bytes: Buffer): void {
    this.#reader.receive(bytes);
  }

  copyUnread(): void {
    this.#reader.copyUnread();
  }

  /** Goes on by one piece; false when bytes are missing. @throws WebSocketError */
  step(): boolean {
    if (this.#isClosed) return false;
    if (this.#inflater.isBusy) {
      this.#inflateOn();
      return true;
    }
    const event = this.#reader.next();
    if (event === undefined) return false;
    if (event.kind === 'control') this.#control(event.opcode, event.bytes);
    else this.#data(event);
    return true;
  }

  #control(opcode: number, bytes: Buffer): void {
    this.controlsInRow += 1;
    if (this.controlsInRow > this.#options.limits.maxControlsInRow) {
      throw new WebSocketError(CLOSE.policyViolation, 'too many control frames');
    }
    const { scrubber } = this.#options;
    if (opcode === OPCODE.close) {
      this.#isClosed = true;
      if (scrubber !== undefined && bytes.length > 2) this.#scrubWhole(scrubber, bytes.subarray(2), true);
    } else if (scrubber !== undefined) this.#scrubWhole(scrubber, bytes, false);
    this.#output.write({ fin: true, rsv1: false, opcode }, bytes);
  }

  /** In place; the length stays. */
  #scrubWhole(scrubber: Scrubber, bytes: Buffer, isText: boolean): void {
    const stream = scrubber.stream();
    const [scrubbed = EMPTY] = stream.pushLast(bytes);
    (isText ? new Utf8Mender().mend(scrubbed, true) : scrubbed).copy(bytes);
    this.#hits += stream.hits;
  }

  #data(event: WebSocketEvent & { kind: 'data' }): void {
    const { scrubber } = this.#options;
    if (event.isFirst) {
      const opaque = event.compressed && scrubber === undefined;
      const looked = !opaque && (scrubber !== undefined || event.type === 'text');
      const content = looked ? new MessageContent(event.type, scrubber) : undefined;
      this.#message = { type: event.type, opaque, content, isBegun: false };
    }
    if (event.compressed && scrubber !== undefined) this.#inflater.feed(event.bytes, event.isLast);
    else this.#pass(event.bytes, event.isLast);
  }

  #inflateOn(): void {
    const slice = this.#inflater.read();
    if (slice === undefined) return;
    const before = this.#waiting;
    this.#waiting = slice.isLast ? undefined : slice.bytes;
    if (slice.isLast) this.#pass(before ?? EMPTY, true);
    else if (before !== undefined) this.#pass(before, false);
  }

  /** Passes content on, in a frame of its own; what is held back for the scrub goes with a later one. */
  #pass(bytes: Buffer, isLast: boolean): void {
    const message = this.#message;
    if (message === undefined) throw new Error('content outside a message');
    const passed = message.content === undefined ? bytes : message.content.push(bytes, isLast);
    if (passed.length > 0 || isLast) {
      const opcode = message.isBegun ? OPCODE.continuation : OPCODE[message.type];
      this.#output.write({ fin: isLast, rsv1: message.opaque && !message.isBegun, opcode }, passed);
      message.isBegun = true;
    }
    if (!isLast) return;
    this.#hits += message.content?.hits ?? 0;
    this.#message = undefined;
  }
}
