import { isSlab, LARGE_BYTES, SLAB_BYTES, takeSlab } from '../../../common/slabs.ts';
import { Flag, FRAME_HEADER_BYTES, FrameType, writeFrameHeader, writeUint32 } from '../../protocols/http2/frames.ts';

const FIRST_CHUNK_BYTES = 1_024;
const MAX_CHUNK_BYTES = 16_384;
const NOTHING = Buffer.alloc(0);
const FLAGS_OFFSET = 4;
/** Below it a loop is faster than a native copy. */
const SHORT_BYTES = 64;

/**
 * Frames to write, one behind another in few buffers. Everything is copied in, so nothing lent is held. A slab that is taken is the
 * taker's to give back.
 */
export class FrameBuffer {
  #full: Buffer[] = [];
  #fullBytes = 0;
  #chunk: Buffer = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES);
  /** What is not taken of the chunk: `[#from, #at)`. What was taken is never written again. */
  #from = 0;
  #at = 0;
  /** The flags of the last DATA or HEADERS frame, while END_STREAM can still be added to it. */
  #openStream = 0;
  #openFlagsAt = 0;
  /** Where the payload of a DATA frame that was opened last begins and ends; more can be added while nothing is behind it. */
  #dataFrom = 0;
  #dataTo = -1;

  /** Octets to take. */
  get length(): number {
    return this.#fullBytes + this.#at - this.#from;
  }

  take(): Buffer[] {
    const taken = this.#full;
    if (this.#at > this.#from) taken.push(this.#chunk.subarray(this.#from, this.#at));
    if (isSlab(this.#chunk)) this.#startWith(NOTHING);
    else this.#from = this.#at;
    this.#full = [];
    this.#fullBytes = 0;
    this.#openStream = 0;
    return taken;
  }

  /** Bytes as they are: a preface, or whole frames. */
  raw(bytes: Buffer): void {
    this.#makeRoom(bytes.length);
    this.#at += bytes.copy(this.#chunk, this.#at);
  }

  /** Peers count small frames against those who send them, so that what leaves together is one frame. */
  data(stream: number, bytes: Buffer, start: number, end: number, endStream: boolean, maxFrameBytes: number): void {
    const length = end - start;
    if (!endStream && this.#addToLast(stream, bytes, start, end, maxFrameBytes)) return;
    this.#makeRoom(FRAME_HEADER_BYTES + length);
    this.#open(stream, endStream);
    const flags = endStream ? Flag.END_STREAM : 0;
    const at = writeFrameHeader(this.#chunk, this.#at, length, FrameType.DATA, flags, stream);
    this.#dataFrom = at;
    this.#dataTo = this.#at = copyInto(this.#chunk, at, bytes, start, end);
  }

  #addToLast(stream: number, bytes: Buffer, start: number, end: number, maxFrameBytes: number): boolean {
    const length = this.#at - this.#dataFrom + end - start;
    if (this.#openStream !== stream || this.#dataTo !== this.#at || length > maxFrameBytes) return false;
    if (this.#at + end - start > this.#chunk.length) return false;
    this.#chunk.writeUIntBE(length, this.#dataFrom - FRAME_HEADER_BYTES, 3);
    this.#dataTo = this.#at = copyInto(this.#chunk, this.#at, bytes, start, end);
    return true;
  }

  /** A header block in HEADERS and, if it does not fit, CONTINUATION frames (RFC 9113 4.3). */
  headers(stream: number, block: Buffer, length: number, endStream: boolean, maxFrameBytes: number): void {
    const frames = Math.max(1, Math.ceil(length / maxFrameBytes));
    this.#makeRoom(frames * FRAME_HEADER_BYTES + length);
    this.#open(stream, endStream);
    for (let frame = 0, from = 0; frame < frames; frame += 1, from += maxFrameBytes) {
      const to = Math.min(length, from + maxFrameBytes);
      const type = frame === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const flags = (frame === 0 && endStream ? Flag.END_STREAM : 0) | (to === length ? Flag.END_HEADERS : 0);
      const at = writeFrameHeader(this.#chunk, this.#at, to - from, type, flags, stream);
      this.#at = copyInto(this.#chunk, at, block, from, to);
    }
  }

  /** Ends the stream with its last frame, if that was written last and not taken. */
  endLast(stream: number): boolean {
    if (this.#openStream !== stream) return false;
    const flags = this.#chunk[this.#openFlagsAt] ?? 0;
    this.#chunk[this.#openFlagsAt] = flags | Flag.END_STREAM;
    this.#openStream = 0;
    return true;
  }

  /** A frame whose payload is one or two numbers of 32 bits: RST_STREAM, WINDOW_UPDATE, GOAWAY. */
  numbers(type: number, stream: number, first: number, second?: number): void {
    const length = second === undefined ? 4 : 8;
    this.#makeRoom(FRAME_HEADER_BYTES + length);
    this.#at = writeFrameHeader(this.#chunk, this.#at, length, type, 0, stream);
    this.#at = writeUint32(this.#chunk, this.#at, first);
    if (second !== undefined) this.#at = writeUint32(this.#chunk, this.#at, second);
  }

  /** The answer to PING: the same 8 octets (RFC 9113 6.7). */
  pingAck(payload: Buffer, start: number): void {
    this.#makeRoom(FRAME_HEADER_BYTES + 8);
    this.#at = writeFrameHeader(this.#chunk, this.#at, 8, FrameType.PING, Flag.ACK, 0);
    this.#at += payload.copy(this.#chunk, this.#at, start, start + 8);
  }

  #open(stream: number, endStream: boolean): void {
    this.#openStream = endStream ? 0 : stream;
    this.#dataTo = -1;
    this.#openFlagsAt = this.#at + FLAGS_OFFSET;
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.#chunk.length) return;
    if (this.#at > this.#from) this.#full.push(this.#chunk.subarray(this.#from, this.#at));
    this.#fullBytes += this.#at - this.#from;
    const isLarge = count >= LARGE_BYTES && count <= SLAB_BYTES;
    if (isLarge) return this.#startWith(takeSlab());
    const doubled = Math.min(MAX_CHUNK_BYTES, Math.max(FIRST_CHUNK_BYTES, 2 * this.#chunk.length));
    this.#startWith(Buffer.allocUnsafeSlow(Math.max(count, doubled)));
  }

  #startWith(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#from = 0;
    this.#at = 0;
    this.#openStream = 0;
  }
}

/** Copies `source[start .. end)`; returns where the next byte goes. */
function copyInto(target: Buffer, at: number, source: Buffer, start: number, end: number): number {
  if (end - start >= SHORT_BYTES) return at + source.copy(target, at, start, end);
  for (let from = start, to = at; from < end; from += 1, to += 1) target[to] = source[from] ?? 0;
  return at + end - start;
}
