import { ByteQueue } from '../byte-queue.ts';
import { FRAME_HEADER_BYTES, PREFACE, readUint31 } from './frames.ts';
import { Http2Error } from './http2-error.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Cuts arrived bytes into frames (RFC 9113 4.1). After readHeader() the header is in `type` to `length`; its payload
 * is then read whole by readPayload() or piece by piece by takePayload(), before the next header.
 */
export class FrameReader {
  type = 0;
  flags = 0;
  stream = 0;
  /** Octets of payload. */
  length = 0;
  /** After readPayload(): the payload is `bytes[start .. end)`, a view of what arrived. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;

  readonly #queue = new ByteQueue();
  #prefaceRead = 0;

  /** Bytes that arrived and are not read. */
  get bufferedBytes(): number {
    return this.#queue.length;
  }

  receive(bytes: Buffer): void {
    this.#queue.push(bytes);
  }

  /** Copies what is unread, so that the owner of the received buffers may write over them. */
  copyUnread(): void {
    this.#queue.detach();
  }

  /** Whether the client's preface was read whole (RFC 9113 3.4); throws at the first octet that differs. */
  readPreface(): boolean {
    const queue = this.#queue;
    while (this.#prefaceRead < PREFACE.length && queue.length > 0) {
      if (queue.front[queue.start] !== PREFACE[this.#prefaceRead]) {
        throw new Http2Error('PROTOCOL_ERROR', 'no connection preface (RFC 9113 3.4)');
      }
      this.#prefaceRead += 1;
      queue.skip(1);
    }
    return this.#prefaceRead === PREFACE.length;
  }

  /** Reads a frame's header; false while it is not there whole. */
  readHeader(maxFrameBytes: number): boolean {
    const queue = this.#queue;
    if (queue.length < FRAME_HEADER_BYTES) return false;
    if (queue.end - queue.start < FRAME_HEADER_BYTES) queue.gather(FRAME_HEADER_BYTES);
    const { front, start } = queue;
    this.length = front.readUIntBE(start, 3);
    this.type = front[start + 3] ?? 0;
    this.flags = front[start + 4] ?? 0;
    this.stream = readUint31(front, start + 5);
    if (this.length > maxFrameBytes) {
      throw new Http2Error('FRAME_SIZE_ERROR', 'a frame larger than allowed (RFC 9113 4.2)');
    }
    queue.skip(FRAME_HEADER_BYTES);
    return true;
  }

  /** Reads the whole payload; false while it is not there. */
  readPayload(): boolean {
    const queue = this.#queue;
    const { length } = this;
    if (queue.length < length) return false;
    if (length === 0) {
      this.bytes = NOTHING;
      this.start = 0;
      this.end = 0;
      return true;
    }
    if (queue.end - queue.start < length) queue.gather(length);
    this.bytes = queue.front;
    this.start = queue.start;
    this.end = queue.start + length;
    queue.skip(length);
    return true;
  }

  /** Up to `max` octets of payload, as a view; undefined while there are none. */
  takePayload(max: number): Buffer | undefined {
    return this.#queue.length === 0 ? undefined : this.#queue.take(max);
  }
}
