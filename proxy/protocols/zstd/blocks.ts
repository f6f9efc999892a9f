import type { HuffmanTable } from './huffman.ts';
import { MAX_BLOCK_BYTES, readLiterals } from './literals.ts';
import { readSequences, type SequenceTables } from './sequences.ts';
import { Window } from './window.ts';
import { ZstdError } from './zstd-error.ts';

/** Decodes the blocks of one frame (RFC 8878 3.1.1.2, 3.1.1.3), each given whole. */
export class BlockDecoder {
  readonly #window: Window;
  readonly #tables: SequenceTables = { literalLengths: undefined, offsets: undefined, matchLengths: undefined };
  #tree: HuffmanTable | undefined;
  /** The offsets used last, and what they are at first (RFC 8878 3.1.1.5). */
  #offsets: [number, number, number] = [1, 4, 8];

  constructor(windowBytes: number) {
    this.#window = new Window(windowBytes, MAX_BLOCK_BYTES);
  }

  /** A block as it is. */
  raw(bytes: Buffer): Buffer {
    this.#window.reserve(bytes.length);
    this.#window.add(bytes);
    return Buffer.from(bytes);
  }

  /** One byte, over and over. */
  run(value: number, count: number): Buffer {
    this.#window.reserve(count);
    this.#window.fill(value, count);
    return Buffer.alloc(count, value);
  }

  /** @throws ZstdError */
  compressed(block: Buffer): Buffer {
    const window = this.#window;
    window.reserve(MAX_BLOCK_BYTES);
    const start = window.end;
    const { bytes, length, tree } = readLiterals(block, this.#tree);
    this.#tree = tree;
    const sequences = readSequences(block.subarray(length), this.#tables);
    let at = 0;
    for (let left = sequences.count; left > 0; left -= 1) {
      const { literals, match, offsetValue } = sequences.next();
      const made = window.end - start + literals + match;
      if (literals > bytes.length - at || made > MAX_BLOCK_BYTES) throw new ZstdError('a block that makes too much');
      window.add(bytes.subarray(at, at + literals));
      at += literals;
      window.repeat(this.#offsetOf(offsetValue, literals === 0), match);
    }
    if (window.end - start + bytes.length - at > MAX_BLOCK_BYTES) throw new ZstdError('a block that makes too much');
    window.add(bytes.subarray(at));
    return window.since(start);
  }

  /** Values to 3 are places in the list of the last ones, one further where no literals stand between two matches. */
  #offsetOf(value: number, hasNoLiterals: boolean): number {
    const [first, second, third] = this.#offsets;
    if (value > 3) {
      this.#offsets = [value - 3, first, second];
      return value - 3;
    }
    const place = value - 1 + (hasNoLiterals ? 1 : 0);
    if (place === 0) return first;
    if (place === 1) {
      this.#offsets = [second, first, third];
      return second;
    }
    const offset = place === 2 ? third : first - 1;
    this.#offsets = [offset, first, second];
    return offset;
  }
}
