import { ByteQueue } from '../byte-queue.ts';
import { CLOSE, closeFault } from './close.ts';
import { MAX_CONTROL_BYTES, MAX_HEADER_BYTES, maskBytes, OPCODE } from './frame.ts';
import type { WebSocketLimits } from './limits.ts';
import { protocolError, WebSocketError } from './websocket-error.ts';

export type MessageType = 'text' | 'binary';

/** What a side sends next. `bytes` are the reader's own copy, unmasked, and may be changed. */
export type WebSocketEvent =
  | {
      readonly kind: 'data';
      readonly type: MessageType;
      /** The message is compressed (RFC 7692 section 6). */
      readonly compressed: boolean;
      readonly bytes: Buffer;
      /** First and last piece of a message. */
      readonly isFirst: boolean;
      readonly isLast: boolean;
    }
  | { readonly kind: 'control'; readonly opcode: number; readonly bytes: Buffer };

export interface FrameReaderOptions {
  /** Agents mask, upstreams do not (RFC 6455 section 5.1). */
  readonly masked: boolean;
  /** permessage-deflate was agreed on, so RSV1 has a meaning. */
  readonly deflate: boolean;
  readonly limits: WebSocketLimits;
}

interface Header {
  readonly fin: boolean;
  readonly opcode: number;
  readonly length: number;
  readonly key: number | undefined;
}

interface Message {
  readonly type: MessageType;
  readonly compressed: boolean;
  fragments: number;
  bytes: number;
  started: boolean;
}

type State =
  | { readonly name: 'header' }
  | { readonly name: 'payload'; readonly header: Header; read: number }
  | { readonly name: 'closed' };

const HEADER: State = Object.freeze({ name: 'header' });
const CLOSED: State = Object.freeze({ name: 'closed' });

/**
 * Reads what one side of a WebSocket sends (RFC 6455 section 5), strictly: every rule about headers is checked as soon
 * as the header is here. Control frames, and data frames up to a limit, are given whole. Nothing is read after a Close.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  readonly #queue = new ByteQueue();
  #state: State = HEADER;
  #message: Message | undefined;

  constructor(options: FrameReaderOptions) {
    this.#options = options;
  }

  get bufferedBytes(): number {
    return this.#queue.length;
  }

  /** Queues bytes; they are not changed. */
  receive(bytes: Buffer): void {
    if (this.#state.name !== 'closed') this.#queue.push(bytes);
  }

  /** Copies what is unread, so that the owner of the received buffers may write over them. */
  copyUnread(): void {
    this.#queue.detach();
  }

  /** The next event, or undefined while bytes are missing. @throws WebSocketError, after which the reader is closed */
  next(): WebSocketEvent | undefined {
    try {
      if (this.#state.name === 'header') {
        const header = this.#readHeader();
        if (header === undefined) return undefined;
        this.#state = { name: 'payload', header, read: 0 };
      }
      return this.#state.name === 'payload' ? this.#readPayload(this.#state) : undefined;
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #close(): void {
    this.#state = CLOSED;
    this.#queue.takeAll();
    this.#message = undefined;
  }

  #readHeader(): Header | undefined {
    const queue = this.#queue;
    if (queue.end - queue.start < MAX_HEADER_BYTES) queue.gather(MAX_HEADER_BYTES);
    const available = queue.end - queue.start;
    if (available < 2) return undefined;
    const { front, start } = queue;
    const first = front[start] ?? 0;
    const second = front[start + 1] ?? 0;
    const fin = first >= 0x80;
    const opcode = first & 0x0f;
    const short = second & 0x7f;
    this.#checkStart(first, second);
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const size = 2 + lengthBytes + (this.#options.masked ? 4 : 0);
    if (available < 2 + lengthBytes) return undefined;
    const length = readLength(front, start + 2, short);
    if (opcode < OPCODE.close) this.#checkMessageLength(length);
    if (available < size) return undefined;
    const key = this.#options.masked ? front.readUInt32BE(start + size - 4) : undefined;
    queue.skip(size);
    if (opcode < OPCODE.close) this.#startFrame(opcode, (first & 0x40) !== 0, length);
    return { fin, opcode, length, key };
  }

  /** What the first two bytes may not say (RFC 6455 sections 5.1, 5.2, 5.4 and 5.5). */
  #checkStart(first: number, second: number): void {
    const opcode = first & 0x0f;
    const rsv1 = (first & 0x40) !== 0;
    if ((first & 0x30) !== 0) throw protocolError('a reserved bit is set');
    if (second >= 0x80 !== this.#options.masked) {
      throw protocolError(this.#options.masked ? 'the frame is not masked' : 'the frame is masked');
    }
    if (opcode >= OPCODE.close) {
      if (opcode > OPCODE.pong) throw protocolError('the opcode is reserved');
      if (rsv1) throw protocolError('a reserved bit is set on a control frame');
      if (first < 0x80) throw protocolError('a control frame is fragmented');
      if ((second & 0x7f) > MAX_CONTROL_BYTES) throw protocolError('a control frame is too long');
      return;
    }
    if (opcode > OPCODE.binary) throw protocolError('the opcode is reserved');
    if (opcode === OPCODE.continuation && this.#message === undefined) throw protocolError('nothing to continue');
    if (opcode !== OPCODE.continuation && this.#message !== undefined) {
      throw protocolError('a message begins inside another');
    }
    if (rsv1 && (opcode === OPCODE.continuation || !this.#options.deflate))
      throw protocolError('a reserved bit is set');
  }

  #checkMessageLength(length: number): void {
    if ((this.#message?.bytes ?? 0) + length > this.#options.limits.maxMessageBytes) {
      throw new WebSocketError(CLOSE.tooBig, 'the message is too long');
    }
  }

  #startFrame(opcode: number, rsv1: boolean, length: number): void {
    this.#message ??= {
      type: opcode === OPCODE.text ? 'text' : 'binary',
      compressed: rsv1,
      fragments: 0,
      bytes: 0,
      started: false,
    };
    this.#message.fragments += 1;
    this.#message.bytes += length;
    if (this.#message.fragments > this.#options.limits.maxFragments) {
      throw new WebSocketError(CLOSE.tooBig, 'the message has too many fragments');
    }
  }

  #readPayload(state: { readonly header: Header; read: number }): WebSocketEvent | undefined {
    const { header } = state;
    const { maxWholeFrameBytes } = this.#options.limits;
    const left = header.length - state.read;
    const isControl = header.opcode >= OPCODE.close;
    const wanted = isControl || header.length <= maxWholeFrameBytes ? left : Math.min(left, maxWholeFrameBytes);
    const bytes = this.#take(wanted, wanted === left);
    if (bytes === undefined) return undefined;
    if (header.key !== undefined) maskBytes(bytes, 0, bytes.length, header.key, state.read);
    state.read += bytes.length;
    const isWhole = state.read === header.length;
    if (isWhole) this.#state = HEADER;
    return isControl ? this.#control(header.opcode, bytes) : this.#data(bytes, header.fin && isWhole);
  }

  /** A copy of `count` bytes, or of fewer unless they are wanted whole; undefined while they are missing. */
  #take(count: number, whole: boolean): Buffer | undefined {
    const queue = this.#queue;
    if (count === 0) return Buffer.alloc(0);
    if (queue.length === 0 || (whole && queue.length < count)) return undefined;
    const bytes = Buffer.allocUnsafe(Math.min(count, queue.length));
    for (let at = 0; at < bytes.length; ) at += queue.take(bytes.length - at).copy(bytes, at);
    return bytes;
  }

  #control(opcode: number, bytes: Buffer): WebSocketEvent {
    if (opcode === OPCODE.close) {
      const fault = closeFault(bytes);
      if (fault === 'utf8') throw new WebSocketError(CLOSE.invalidPayload, 'the close reason is not UTF-8');
      if (fault !== undefined) throw protocolError('the close code is invalid');
      this.#close();
    }
    return { kind: 'control', opcode, bytes };
  }

  #data(bytes: Buffer, isLast: boolean): WebSocketEvent {
    const message = this.#message;
    if (message === undefined) throw new Error('data outside a message');
    const isFirst = !message.started;
    message.started = true;
    if (isLast) this.#message = undefined;
    return { kind: 'data', type: message.type, compressed: message.compressed, bytes, isFirst, isLast };
  }
}

/** The payload length, in its shortest encoding and below 2^53 (RFC 6455 section 5.2). */
function readLength(bytes: Buffer, at: number, short: number): number {
  if (short < 126) return short;
  if (short === 126) {
    const length = bytes.readUInt16BE(at);
    if (length < 126) throw protocolError('the length is not encoded shortly');
    return length;
  }
  const high = bytes.readUInt32BE(at);
  if (high > 0x7fff_ffff) throw protocolError('the length is negative');
  const length = high * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
  if (length < 65_536) throw protocolError('the length is not encoded shortly');
  return length;
}
