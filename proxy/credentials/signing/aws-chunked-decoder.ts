import { InjectionError } from '../injection-error.ts';

/** Limits of aws-chunked framing, in bytes. Known SDKs sign chunks of 64 to 128 KiB. */
export const AWS_CHUNK_LIMITS = { chunkHeader: 192, signedChunk: 1_048_576, trailers: 8_192 } as const;

/** What the framing says, in order. Slices of the input are only lent. */
export interface AwsChunkedSink {
  chunkStart(bytes: number): void;
  data(bytes: Buffer): void;
  chunkEnd(): void;
  /** Trailing fields as they arrived, without those that sign; called once, at the end of the body. */
  end(trailers: readonly AwsTrailer[]): void;
}

export interface AwsTrailer {
  readonly name: string;
  readonly value: string;
}

export interface AwsChunkedFraming {
  /** Hex digits, or padding, of each chunk's signature. 0: chunks carry none. */
  readonly signatureLength: number;
  readonly decodedLength: number;
  readonly trailers: readonly string[];
}

type State =
  | { readonly name: 'chunk-header' | 'trailer'; line: string }
  | { readonly name: 'data'; left: number }
  | { readonly name: 'data-end'; seen: number }
  | { readonly name: 'done' };

const CR = 0x0d;
const LF = 0x0a;
const TRAILER = /^([A-Za-z0-9-]+):([\t\x20-\x7e]*)$/;

/**
 * Reads the aws-chunked framing of an agent's body strictly: sizes without leading zeros, CRLF everywhere, a signature of
 * the right length in each chunk header of signed modes and nowhere else, exactly the trailers and the decoded length that
 * the head announced. The agent's signatures are not looked at further: they are made with a key that is no key.
 */
export class AwsChunkedDecoder {
  readonly #framing: AwsChunkedFraming;
  readonly #header: RegExp;
  #state: State = { name: 'chunk-header', line: '' };
  #decoded = 0;
  #trailerBytes = 0;
  #signatureSeen = false;
  readonly #trailers: AwsTrailer[] = [];

  constructor(framing: AwsChunkedFraming) {
    this.#framing = framing;
    const { signatureLength } = framing;
    const extension = signatureLength === 0 ? '' : `;chunk-signature=[0-9a-f*]{${signatureLength}}`;
    this.#header = new RegExp(`^(0|[1-9a-f][0-9a-f]{0,11})${extension}$`, 'i');
  }

  /** @throws InjectionError `bad-request` */
  push(bytes: Buffer, sink: AwsChunkedSink): void {
    for (let at = 0; at < bytes.length; ) {
      const state = this.#state;
      switch (state.name) {
        case 'chunk-header':
        case 'trailer':
          at = this.#line(state, bytes, at, sink);
          break;
        case 'data':
          at = this.#data(state, bytes, at, sink);
          break;
        case 'data-end':
          if (bytes[at] !== (state.seen === 0 ? CR : LF)) throw malformed('a chunk is longer than its size');
          at += 1;
          state.seen += 1;
          if (state.seen === 2) this.#state = { name: 'chunk-header', line: '' };
          break;
        case 'done':
          throw malformed('bytes follow its end');
      }
    }
  }

  /** @throws InjectionError when the body is not complete. */
  finish(): void {
    if (this.#state.name !== 'done') throw malformed('it ends early');
  }

  #line(state: State & { line: string }, bytes: Buffer, from: number, sink: AwsChunkedSink): number {
    const newline = bytes.indexOf(LF, from);
    const end = newline === -1 ? bytes.length : newline;
    const limit = state.name === 'trailer' ? AWS_CHUNK_LIMITS.trailers : AWS_CHUNK_LIMITS.chunkHeader;
    if (state.line.length + end - from > limit) throw malformed('a line is too long');
    state.line += bytes.toString('latin1', from, end);
    if (newline === -1) return end;
    if (!state.line.endsWith('\r')) throw malformed('a line does not end in CRLF');
    const line = state.line.slice(0, -1);
    if (state.name === 'trailer') this.#trailer(line, sink);
    else this.#chunkHeader(line, sink);
    return newline + 1;
  }

  #chunkHeader(line: string, sink: AwsChunkedSink): void {
    const digits = this.#header.exec(line)?.[1];
    if (digits === undefined) throw malformed('a chunk header is malformed');
    const size = Number.parseInt(digits, 16);
    const { decodedLength, signatureLength } = this.#framing;
    if (signatureLength > 0 && size > AWS_CHUNK_LIMITS.signedChunk) throw malformed('a signed chunk is over 1 MiB');
    this.#decoded += size;
    if (this.#decoded > decodedLength) throw malformed('it is longer than x-amz-decoded-content-length');
    if (size === 0 && this.#decoded < decodedLength) {
      throw malformed('it is shorter than x-amz-decoded-content-length');
    }
    sink.chunkStart(size);
    if (size > 0) this.#state = { name: 'data', left: size };
    else {
      sink.chunkEnd();
      this.#state = { name: 'trailer', line: '' };
    }
  }

  #data(state: State & { name: 'data' }, bytes: Buffer, from: number, sink: AwsChunkedSink): number {
    const end = Math.min(bytes.length, from + state.left);
    sink.data(bytes.subarray(from, end));
    state.left -= end - from;
    if (state.left === 0) {
      sink.chunkEnd();
      this.#state = { name: 'data-end', seen: 0 };
    }
    return end;
  }

  #trailer(line: string, sink: AwsChunkedSink): void {
    const { signatureLength, trailers } = this.#framing;
    if (line === '') {
      if (this.#trailers.length !== trailers.length) throw malformed('a trailer is missing');
      if (trailers.length > 0 && signatureLength > 0 && !this.#signatureSeen)
        throw malformed('its trailers are unsigned');
      this.#state = { name: 'done' };
      sink.end(this.#trailers);
      return;
    }
    this.#trailerBytes += line.length;
    const [, name = '', value = ''] = TRAILER.exec(line) ?? [];
    const lower = name.toLowerCase();
    if (this.#signatureSeen || this.#trailerBytes > AWS_CHUNK_LIMITS.trailers)
      throw malformed('its trailers are malformed');
    if (lower === 'x-amz-trailer-signature' && signatureLength > 0 && trailers.length > 0) {
      // Ours takes its place, of its length: with blanks around it, the body would become shorter than its head says.
      if (value.length !== signatureLength) throw malformed('its trailer signature is malformed');
      this.#signatureSeen = true;
    } else if (!trailers.includes(lower) || this.#trailers.some((known) => known.name.toLowerCase() === lower)) {
      throw malformed('it has a trailer that its head does not name');
    } else this.#trailers.push({ name, value });
    this.#state = { name: 'trailer', line: '' };
  }
}

function malformed(what: string): InjectionError {
  return new InjectionError('bad-request', `the aws-chunked body is malformed: ${what}`);
}
