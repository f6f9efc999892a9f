import zlib from 'node:zlib';
import { SidekeyError } from '../../../common/errors.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { ZstdDecoder } from '../../protocols/zstd/decoder.ts';
import { ZstdError } from '../../protocols/zstd/zstd-error.ts';

/** The body's coding is unknown, broken, or expands beyond the limits: it cannot be scrubbed, so it is not passed on. */
export class ContentCodingError extends SidekeyError {
  readonly reason: Reason = 'response-undecodable';

  constructor(message: string, options?: ErrorOptions) {
    super('response-undecodable', message, options);
  }
}

export interface DecodeLimits {
  /** Output that one slice of input (4 KiB) may make. gzip cannot exceed 1,032 to 1; brotli and zstd can. */
  readonly maxBytesPerSlice: number;
  /** Output over input of the whole body, once the output is larger than `maxBytesPerSlice`. */
  readonly maxRatio: number;
  readonly maxCodings: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = { maxBytesPerSlice: 8 * 1024 * 1024, maxRatio: 1100, maxCodings: 2 };

const SLICE_BYTES = 4096;

/** Names that say nothing of the bytes. With `aws-chunked` an object was sent, which some servers of S3 keep with it. */
const NO_CODINGS = ['', 'identity', 'aws-chunked'];

/** Decodes a body piece by piece. Pull the output before giving more input, so that nothing piles up. */
export interface ContentDecoder {
  /** The decoded bytes of this chunk. @throws ContentCodingError */
  decode(chunk: Buffer): AsyncGenerator<Buffer, void, undefined>;
  /** The last bytes. @throws ContentCodingError when the body is cut short */
  end(): AsyncGenerator<Buffer, void, undefined>;
  /** Frees native memory; call it in every case. */
  close(): void;
}

/**
 * A decoder for this Content-Encoding (all field lines joined by ", "; RFC 9110 section 8.4), or undefined when the
 * body is not coded.
 *
 * @throws ContentCodingError when a coding is unknown or there are too many
 */
export function createContentDecoder(
  contentEncoding: string | undefined,
  limits: DecodeLimits = DEFAULT_DECODE_LIMITS,
): ContentDecoder | undefined {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => !NO_CODINGS.includes(coding));
  if (codings.length > limits.maxCodings) throw new ContentCodingError('the body has too many content codings');
  for (const coding of codings) {
    if (!Object.hasOwn(STAGES, coding)) throw new ContentCodingError('the body has an unknown content coding');
  }
  // Codings are listed in the order in which they were applied.
  const stages = codings.reverse().map((coding) => STAGES[coding as keyof typeof STAGES]());
  return stages.length === 0 ? undefined : new DecoderChain(stages, limits);
}

/** One coding. `write` answers with everything that the input made; `limit` bounds it. */
interface Stage {
  write(slice: Buffer, limit: number): Promise<Buffer[]>;
  end(limit: number): Promise<Buffer[]>;
  close(): void;
}

const STAGES = {
  gzip: () => new ZlibStage(() => zlib.createGunzip()),
  'x-gzip': () => new ZlibStage(() => zlib.createGunzip()),
  // RFC 9110 section 8.4.1.2: "deflate" is the zlib format, but some send the bare one.
  deflate: () => new ZlibStage((first) => ((first & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw())),
  br: () => new ZlibStage(() => zlib.createBrotliDecompress()),
  zstd: () => new ZstdStage(),
} as const satisfies Record<string, () => Stage>;

type ZlibDecoder = zlib.Gunzip | zlib.Inflate | zlib.InflateRaw | zlib.BrotliDecompress;

class ZlibStage implements Stage {
  readonly #create: (firstByte: number) => ZlibDecoder;
  #decoder: ZlibDecoder | undefined;
  #out: Buffer[] = [];
  #outBytes = 0;
  #limit = 0;
  #failure: Error | undefined;
  #settle: (() => void) | undefined;

  constructor(create: (firstByte: number) => ZlibDecoder) {
    this.#create = create;
  }

  write(slice: Buffer, limit: number): Promise<Buffer[]> {
    const decoder = (this.#decoder ??= this.#open(slice[0] ?? 0));
    return this.#run(limit, () => decoder.write(slice, () => this.#settle?.()));
  }

  /** An empty body is no error: answers to HEAD and 304 have the header without a body. */
  end(limit: number): Promise<Buffer[]> {
    const decoder = this.#decoder;
    if (decoder === undefined) return Promise.resolve([]);
    return this.#run(limit, () => {
      decoder.once('end', () => this.#settle?.());
      decoder.end();
    });
  }

  close(): void {
    this.#decoder?.destroy();
    this.#settle?.();
  }

  #open(firstByte: number): ZlibDecoder {
    const decoder = this.#create(firstByte);
    decoder.on('data', (bytes: Buffer) => {
      this.#outBytes += bytes.length;
      if (this.#outBytes > this.#limit) decoder.destroy(new ContentCodingError('the body expands too much'));
      else this.#out.push(bytes);
    });
    decoder.on('error', (error: Error) => {
      this.#failure ??= error;
      this.#settle?.();
    });
    decoder.on('close', () => this.#settle?.());
    return decoder;
  }

  async #run(limit: number, start: () => void): Promise<Buffer[]> {
    this.#limit = limit;
    this.#outBytes = 0;
    if (this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#settle = resolve;
        start();
      });
    }
    this.#settle = undefined;
    if (this.#failure !== undefined) throw codingError(this.#failure);
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

class ZstdStage implements Stage {
  readonly #decoder = new ZstdDecoder();
  #isEmpty = true;

  async write(slice: Buffer, limit: number): Promise<Buffer[]> {
    this.#isEmpty = false;
    const out: Buffer[] = [];
    let outBytes = 0;
    try {
      for (const bytes of this.#decoder.decode(slice)) {
        outBytes += bytes.length;
        if (outBytes > limit) throw new ContentCodingError('the body expands too much');
        out.push(bytes);
      }
    } catch (error) {
      throw error instanceof ZstdError
        ? new ContentCodingError(`the body is or has ${error.message}`, { cause: error })
        : error;
    }
    return out;
  }

  async end(): Promise<Buffer[]> {
    if (!this.#isEmpty && !this.#decoder.isBetweenFrames) throw new ContentCodingError('the body is cut short');
    return [];
  }

  close(): void {}
}

/** Feeds each stage in slices, and bounds what each slice may make. */
class DecoderChain implements ContentDecoder {
  readonly #stages: readonly Stage[];
  readonly #limits: DecodeLimits;
  #inBytes = 0;
  #outBytes = 0;

  constructor(stages: readonly Stage[], limits: DecodeLimits) {
    this.#stages = stages;
    this.#limits = limits;
  }

  decode(chunk: Buffer): AsyncGenerator<Buffer, void, undefined> {
    this.#inBytes += chunk.length;
    return this.#decodeFrom(0, chunk);
  }

  async *end(): AsyncGenerator<Buffer, void, undefined> {
    for (const [index, stage] of this.#stages.entries()) {
      for (const bytes of await stage.end(this.#limits.maxBytesPerSlice)) yield* this.#decodeFrom(index + 1, bytes);
    }
  }

  close(): void {
    for (const stage of this.#stages) stage.close();
  }

  async *#decodeFrom(index: number, chunk: Buffer): AsyncGenerator<Buffer, void, undefined> {
    const stage = this.#stages[index];
    if (stage === undefined) {
      this.#checkRatio(chunk.length);
      yield chunk;
      return;
    }
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      const slice = chunk.subarray(at, at + SLICE_BYTES);
      for (const bytes of await stage.write(slice, this.#limits.maxBytesPerSlice)) {
        yield* this.#decodeFrom(index + 1, bytes);
      }
    }
  }

  #checkRatio(length: number): void {
    this.#outBytes += length;
    const { maxBytesPerSlice, maxRatio } = this.#limits;
    if (this.#outBytes > maxBytesPerSlice && this.#outBytes > this.#inBytes * maxRatio) {
      throw new ContentCodingError('the body expands too much');
    }
  }
}

function codingError(error: unknown): ContentCodingError {
  if (error instanceof ContentCodingError) return error;
  return new ContentCodingError('the body does not match its content coding', { cause: error });
}
