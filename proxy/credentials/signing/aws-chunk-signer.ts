import { createHash, type Hash } from 'node:crypto';
import type { BodyTransform } from '../body-transform.ts';
import { canonicalValue, sha256Hex } from './aws-canonical.ts';
import { AwsChunkedDecoder, type AwsChunkedSink, type AwsTrailer } from './aws-chunked-decoder.ts';
import type { AwsChunkedMode } from './aws-payload.ts';
import { CHUNK_SIGNATURE_LENGTH, type AwsSigner } from './aws-signer.ts';

export const EMPTY_SHA256 = sha256Hex('');
const CRLF = Buffer.from('\r\n');
const FIRST_CHUNK_BYTES = 65_536;

/**
 * The agent's aws-chunked body in framing of our own. Chunk sizes stay, and so do the lengths of signatures, so that the
 * body's length does too.
 */
export function createAwsChunkTransform(mode: AwsChunkedMode, signer: AwsSigner, seedSignature: string): BodyTransform {
  const signatureLength = mode.chunkSignatures === undefined ? 0 : CHUNK_SIGNATURE_LENGTH[mode.chunkSignatures];
  const { decodedLength, trailers } = mode;
  const decoder = new AwsChunkedDecoder({ signatureLength, decodedLength, trailers });
  let out: Buffer[] = [];
  const write = (bytes: Buffer): void => {
    out.push(bytes);
  };
  const sink = signatureLength === 0 ? new UnsignedChunks(write) : new SignedChunks(write, signer, seedSignature);
  return {
    removed: [],
    push(bytes) {
      out = [];
      decoder.push(bytes, sink);
      return out;
    },
    end() {
      decoder.finish();
      return [];
    },
  };
}

class UnsignedChunks implements AwsChunkedSink {
  readonly #write: (bytes: Buffer) => void;
  #size = 0;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  chunkStart(bytes: number): void {
    this.#size = bytes;
    this.#write(Buffer.from(`${bytes.toString(16)}\r\n`, 'latin1'));
  }

  data(bytes: Buffer): void {
    this.#write(bytes);
  }

  chunkEnd(): void {
    if (this.#size > 0) this.#write(CRLF);
  }

  end(trailers: readonly AwsTrailer[]): void {
    this.#write(Buffer.from(`${trailerLines(trailers)}\r\n`, 'latin1'));
  }
}

/** Each chunk is held until it is whole, because its signature goes before it. */
class SignedChunks implements AwsChunkedSink {
  readonly #write: (bytes: Buffer) => void;
  readonly #signer: AwsSigner;
  #previous: string;
  #hash: Hash = createHash('sha256');
  #size = 0;
  #held: Buffer = Buffer.alloc(0);
  #filled = 0;

  constructor(write: (bytes: Buffer) => void, signer: AwsSigner, seedSignature: string) {
    this.#write = write;
    this.#signer = signer;
    this.#previous = seedSignature;
  }

  chunkStart(bytes: number): void {
    this.#size = bytes;
    this.#filled = 0;
    this.#hash = createHash('sha256');
    // The size is only a claim: room is made as bytes arrive.
    this.#held = Buffer.allocUnsafe(Math.min(bytes, FIRST_CHUNK_BYTES));
  }

  data(bytes: Buffer): void {
    this.#hash.update(bytes);
    const needed = this.#filled + bytes.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#size, Math.max(needed, 2 * this.#held.length)));
      this.#held.copy(larger, 0, 0, this.#filled);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#filled);
    this.#filled = needed;
  }

  chunkEnd(): void {
    const hashes = `${EMPTY_SHA256}\n${this.#hash.digest('hex')}`;
    const signature = this.#sign('PAYLOAD', hashes);
    this.#write(Buffer.from(`${this.#size.toString(16)};chunk-signature=${signature}\r\n`, 'latin1'));
    if (this.#size > 0) this.#write(this.#held.subarray(0, this.#filled));
    if (this.#size > 0) this.#write(CRLF);
    this.#held = Buffer.alloc(0);
  }

  end(trailers: readonly AwsTrailer[]): void {
    if (trailers.length === 0) return this.#write(CRLF);
    const lines = trailers.map(({ name, value }) => `${name.toLowerCase()}:${canonicalValue(value)}\n`);
    const signature = this.#sign('TRAILER', sha256Hex(lines.toSorted().join('')));
    const signed = `${trailerLines(trailers)}x-amz-trailer-signature:${signature}\r\n\r\n`;
    this.#write(Buffer.from(signed, 'latin1'));
  }

  /** Chains on the previous signature; padded, since one by ECDSA varies in length and the body may not. */
  #sign(what: 'PAYLOAD' | 'TRAILER', hashes: string): string {
    const { algorithm, stamp, scope } = this.#signer;
    this.#previous = this.#signer.sign(`${algorithm}-${what}\n${stamp}\n${scope}\n${this.#previous}\n${hashes}`);
    return this.#previous.padEnd(CHUNK_SIGNATURE_LENGTH[algorithm], '*');
  }
}

function trailerLines(trailers: readonly AwsTrailer[]): string {
  return trailers.map(({ name, value }) => `${name}:${value}\r\n`).join('');
}
