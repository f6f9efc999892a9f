import type { HeaderList } from '../header-list.ts';
import { NOT_IN_TRAILERS } from '../trailer-fields.ts';
import type { ByteQueue } from '../byte-queue.ts';
import { CR, FIELD, HEX_VALUE, LF } from './characters.ts';
import { findHeadEnd } from './head-end.ts';
import { parseFields } from './fields.ts';
import type { Http1Limits } from './limits.ts';
import { malformed, tooLarge, type MessageKind } from './message-error.ts';

/** What a chunked body says next: some of its content, or its end. */
export type ChunkedPart = { readonly bytes: Buffer } | { readonly trailers: HeaderList | undefined };

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers';

/** 13 digits stay below 2^53. */
const MAX_SIZE_DIGITS = 13;

/** Decodes one chunked body (RFC 9112 7.1). Extensions are refused from agents and skipped from upstreams (7.1.1). */
export class ChunkedBody {
  readonly #limits: Http1Limits;
  readonly #kind: MessageKind;
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #lineBytes = 0;
  #searched = 0;

  constructor(limits: Http1Limits, kind: MessageKind) {
    this.#limits = limits;
    this.#kind = kind;
  }

  /** The next part, or undefined while bytes are missing. */
  next(queue: ByteQueue): ChunkedPart | undefined {
    while (queue.length > 0) {
      if (this.#state === 'data') {
        const bytes = queue.take(this.#size);
        this.#size -= bytes.length;
        if (this.#size === 0) this.#state = 'data-cr';
        return { bytes };
      }
      if (this.#state === 'trailers') return this.#readTrailers(queue);
      this.#readLine(queue);
    }
    return undefined;
  }

  /** Reads control bytes from the front of the queue, until the data, the trailers or the front's end. */
  #readLine(queue: ByteQueue): void {
    const { front, start, end } = queue;
    let at = start;
    while (at < end && this.#state !== 'data' && this.#state !== 'trailers') {
      this.#readByte(front[at] ?? 0);
      at += 1;
    }
    queue.skip(at - start);
  }

  #readByte(byte: number): void {
    switch (this.#state) {
      case 'size':
        return this.#readSize(byte);
      case 'extension':
        this.#countLineByte();
        if (byte === CR) this.#state = 'size-lf';
        else if (FIELD[byte] !== 1) throw malformed(this.#kind, 'a malformed chunk extension (RFC 9112 7.1.1)');
        return;
      case 'size-lf':
        if (byte !== LF) throw malformed(this.#kind, 'a chunk size line with a bare CR (RFC 9112 7.1)');
        this.#state = this.#size === 0 ? 'trailers' : 'data';
        return;
      case 'data-cr':
        if (byte !== CR) throw malformed(this.#kind, 'a chunk longer than its size (RFC 9112 7.1)');
        this.#state = 'data-lf';
        return;
      default:
        if (byte !== LF) throw malformed(this.#kind, 'a chunk that does not end with CRLF (RFC 9112 7.1)');
        this.#state = 'size';
        this.#size = 0;
        this.#digits = 0;
        this.#lineBytes = 0;
    }
  }

  #readSize(byte: number): void {
    this.#countLineByte();
    const digit = HEX_VALUE[byte] ?? 255;
    if (digit < 16) {
      this.#digits += 1;
      if (this.#digits > MAX_SIZE_DIGITS) throw malformed(this.#kind, 'a chunk size with too many digits');
      this.#size = 16 * this.#size + digit;
      return;
    }
    if (this.#digits === 0) throw malformed(this.#kind, 'a chunk without a size (RFC 9112 7.1)');
    if (byte === CR) this.#state = 'size-lf';
    else if (byte === 0x3b && this.#kind === 'response') this.#state = 'extension';
    else throw malformed(this.#kind, 'a chunk size that is not plain hexadecimal digits (RFC 9112 7.1)');
  }

  #countLineByte(): void {
    this.#lineBytes += 1;
    if (this.#lineBytes >= this.#limits.maxChunkLineBytes) {
      throw malformed(this.#kind, `a chunk size line longer than ${this.#limits.maxChunkLineBytes} bytes`);
    }
  }

  #readTrailers(queue: ByteQueue): ChunkedPart | undefined {
    const limit = this.#limits.maxTrailerBytes;
    queue.gather(limit);
    const { front, start, end } = queue;
    if (front[start] === CR) {
      if (end - start < 2) return undefined;
      if (front[start + 1] !== LF) throw malformed(this.#kind, 'a bare CR in the trailers (RFC 9112 2.2)');
      queue.skip(2);
      return { trailers: undefined };
    }
    const within = Math.min(end, start + limit);
    const found = findHeadEnd(front, start, within, start + this.#searched, this.#kind);
    if (found === -1) {
      if (end - start >= limit) throw tooLarge(this.#kind, `trailers longer than ${limit} bytes`);
      this.#searched = Math.max(0, end - start - 3);
      return undefined;
    }
    const trailers = parseFields(
      front.toString('latin1', start, found + 2),
      0,
      this.#limits.maxHeaderCount,
      this.#kind,
    );
    queue.skip(found + 4 - start);
    for (let at = 0; at < trailers.raw.length; at += 2) {
      if (NOT_IN_TRAILERS.has(trailers.raw[at] ?? '')) {
        throw malformed(this.#kind, 'a field that may not come in trailers (RFC 9110 6.5.1)');
      }
    }
    return { trailers };
  }
}
