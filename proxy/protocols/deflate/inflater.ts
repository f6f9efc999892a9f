import { BitReader } from './bit-reader.ts';
import { BlockCodesReader } from './block-codes.ts';
import { fixedCodes, type HuffmanCode } from './huffman.ts';
import { InflateError } from './inflate-error.ts';

const HISTORY_BYTES = 32_768;
/** Output that one call makes at most, which bounds what a bomb costs between two looks at it. */
const SLICE_BYTES = 32_768;
const END_OF_BLOCK = 256;

/** Lengths and distances: the smallest value of each symbol and its extra bits (RFC 1951 section 3.2.5). */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];

const FIXED = fixedCodes();

type State =
  | { readonly name: 'header' }
  | { readonly name: 'stored-length'; complement: number }
  | { readonly name: 'stored'; left: number }
  | { readonly name: 'codes'; readonly reader: BlockCodesReader }
  | { readonly name: 'symbols'; readonly literals: HuffmanCode; readonly distances: HuffmanCode; readonly copy: Copy };

/** A repetition under way: which of its parts are read. -1: not yet. */
interface Copy {
  lengthSymbol: number;
  length: number;
  distanceSymbol: number;
  distance: number;
}

/**
 * Decodes DEFLATE (RFC 1951) from pieces cut anywhere, in slices of bounded size. A final block ends nothing: what
 * follows it, from the next byte on, is read with the same history, as RFC 7692 section 7.2.3.4 wants it.
 */
export class Inflater {
  readonly #bits = new BitReader();
  /** What repetitions may refer to, and behind it what was made since. */
  readonly #window = Buffer.allocUnsafeSlow(HISTORY_BYTES + SLICE_BYTES);
  #end = 0;
  #isFinal = false;
  #state: State = { name: 'header' };

  /** Whether the input ended exactly where a block ended. */
  get isBetweenBlocks(): boolean {
    return this.#state.name === 'header' && this.#bits.isEmpty;
  }

  /** Gives input, once `read` has said that there is no more; the bytes must not change until then. */
  feed(bytes: Buffer): void {
    this.#bits.feed(bytes);
  }

  /** The next slice of output, a copy; undefined when all that the input makes was given. @throws InflateError */
  read(): Buffer | undefined {
    if (this.#end === this.#window.length) {
      this.#window.copyWithin(0, this.#end - HISTORY_BYTES, this.#end);
      this.#end = HISTORY_BYTES;
    }
    const start = this.#end;
    const isFull = (): boolean => this.#end === this.#window.length;
    while (!isFull() && this.#step(this.#state));
    return this.#end === start ? undefined : Buffer.from(this.#window.subarray(start, this.#end));
  }

  /** Forgets the history: what follows was compressed on its own. */
  forget(): void {
    this.#end = 0;
  }

  /** Goes on until a block part ends (true), the window is full (true) or input is missing (false). */
  #step(state: State): boolean {
    switch (state.name) {
      case 'header':
        return this.#readHeader();
      case 'stored-length':
        return this.#readStoredLength(state);
      case 'stored':
        return this.#copyStored(state);
      case 'codes': {
        const codes = state.reader.read(this.#bits);
        if (codes === undefined) return false;
        this.#startSymbols(codes);
        return true;
      }
      case 'symbols':
        return this.#readSymbols(state.literals, state.distances, state.copy);
    }
  }

  #readHeader(): boolean {
    const header = this.#bits.read(3);
    if (header === -1) return false;
    this.#isFinal = (header & 1) === 1;
    const type = header >> 1;
    if (type === 3) throw new InflateError('invalid block type');
    if (type === 0) {
      this.#bits.align();
      this.#state = { name: 'stored-length', complement: -1 };
    } else if (type === 1) this.#startSymbols(FIXED);
    else this.#state = { name: 'codes', reader: new BlockCodesReader() };
    return true;
  }

  #startSymbols(codes: { literals: HuffmanCode; distances: HuffmanCode }): void {
    const copy: Copy = { lengthSymbol: -1, length: 0, distanceSymbol: -1, distance: 0 };
    this.#state = { name: 'symbols', ...codes, copy };
  }

  #endBlock(): void {
    if (this.#isFinal) this.#bits.align();
    this.#state = { name: 'header' };
  }

  #readStoredLength(state: { complement: number }): boolean {
    if (state.complement === -1) {
      const length = this.#bits.read(16);
      if (length === -1) return false;
      state.complement = length ^ 0xffff;
    }
    const complement = this.#bits.read(16);
    if (complement === -1) return false;
    if (complement !== state.complement) throw new InflateError('invalid stored block length');
    const left = complement ^ 0xffff;
    if (left === 0) this.#endBlock();
    else this.#state = { name: 'stored', left };
    return true;
  }

  #copyStored(state: { left: number }): boolean {
    const bytes = this.#bits.takeBytes(Math.min(state.left, this.#window.length - this.#end));
    if (bytes.length === 0) return false;
    bytes.copy(this.#window, this.#end);
    this.#end += bytes.length;
    state.left -= bytes.length;
    if (state.left === 0) this.#endBlock();
    return true;
  }

  #readSymbols(literals: HuffmanCode, distances: HuffmanCode, copy: Copy): boolean {
    const bits = this.#bits;
    const window = this.#window;
    while (this.#end < window.length) {
      if (copy.lengthSymbol === -1) {
        const symbol = bits.decode(literals);
        if (symbol === -1) return false;
        if (symbol < END_OF_BLOCK) {
          window[this.#end] = symbol;
          this.#end += 1;
          continue;
        }
        if (symbol === END_OF_BLOCK) {
          this.#endBlock();
          return true;
        }
        copy.lengthSymbol = symbol - 257;
      }
      if (copy.distance === 0 && !this.#readCopy(distances, copy)) return false;
      this.#repeat(copy);
    }
    return true;
  }

  /** Reads the rest of a repetition; false while bits are missing. */
  #readCopy(distances: HuffmanCode, copy: Copy): boolean {
    const bits = this.#bits;
    if (copy.length === 0) {
      const base = LENGTH_BASE[copy.lengthSymbol];
      if (base === undefined) throw new InflateError('invalid length');
      const extra = bits.read(LENGTH_EXTRA[copy.lengthSymbol] ?? 0);
      if (extra === -1) return false;
      copy.length = base + extra;
    }
    if (copy.distanceSymbol === -1) {
      copy.distanceSymbol = bits.decode(distances);
      if (copy.distanceSymbol === -1) return false;
    }
    const base = DISTANCE_BASE[copy.distanceSymbol];
    if (base === undefined) throw new InflateError('invalid distance');
    const extra = bits.read(DISTANCE_EXTRA[copy.distanceSymbol] ?? 0);
    if (extra === -1) return false;
    if (base + extra > this.#end) throw new InflateError('distance too far back');
    copy.distance = base + extra;
    return true;
  }

  /** Copies as much of the repetition as there is room for. */
  #repeat(copy: Copy): void {
    const window = this.#window;
    const count = Math.min(copy.length, window.length - this.#end);
    for (let at = this.#end; at < this.#end + count; at += 1) window[at] = window[at - copy.distance] as number;
    this.#end += count;
    copy.length -= count;
    if (copy.length > 0) return;
    copy.lengthSymbol = -1;
    copy.distanceSymbol = -1;
    copy.distance = 0;
  }
}
