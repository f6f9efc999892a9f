import type { BitReader } from './bit-reader.ts';
import { buildHuffmanCode, type HuffmanCode } from './huffman.ts';
import { InflateError } from './inflate-error.ts';

/** In which order the lengths of the code-length code come (RFC 1951 section 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_LITERALS = 286;
const MAX_DISTANCES = 30;
const END_OF_BLOCK = 256;

type State =
  | { readonly name: 'counts' }
  | { readonly name: 'code-lengths'; at: number }
  | { readonly name: 'lengths'; readonly code: HuffmanCode; at: number; repeat: number };

/** Reads the codes that a dynamic block begins with, whatever the cuts of its bytes. */
export class BlockCodesReader {
  readonly #codeLengths = new Uint8Array(19);
  #lengths = new Uint8Array();
  #literalCount = 0;
  #codeLengthCount = 0;
  #state: State = { name: 'counts' };

  /** undefined while bytes are missing. @throws InflateError */
  read(bits: BitReader): { literals: HuffmanCode; distances: HuffmanCode } | undefined {
    for (;;) {
      const state = this.#state;
      switch (state.name) {
        case 'counts':
          if (!this.#readCounts(bits)) return undefined;
          break;
        case 'code-lengths':
          if (!this.#readCodeLengths(bits, state)) return undefined;
          break;
        case 'lengths':
          return this.#readLengths(bits, state) ? this.#build() : undefined;
      }
    }
  }

  #readCounts(bits: BitReader): boolean {
    const counts = bits.read(14);
    if (counts === -1) return false;
    this.#literalCount = (counts & 31) + 257;
    const distanceCount = ((counts >> 5) & 31) + 1;
    this.#codeLengthCount = (counts >> 10) + 4;
    if (this.#literalCount > MAX_LITERALS || distanceCount > MAX_DISTANCES) throw new InflateError('too many symbols');
    this.#lengths = new Uint8Array(this.#literalCount + distanceCount);
    this.#state = { name: 'code-lengths', at: 0 };
    return true;
  }

  #readCodeLengths(bits: BitReader, state: { at: number }): boolean {
    for (; state.at < this.#codeLengthCount; state.at += 1) {
      const length = bits.read(3);
      if (length === -1) return false;
      this.#codeLengths[ORDER[state.at] ?? 0] = length;
    }
    const code = buildHuffmanCode(this.#codeLengths, false);
    if (code === undefined) throw new InflateError('invalid code lengths');
    this.#state = { name: 'lengths', code, at: 0, repeat: 0 };
    return true;
  }

  #readLengths(bits: BitReader, state: { readonly code: HuffmanCode; at: number; repeat: number }): boolean {
    const lengths = this.#lengths;
    while (state.at < lengths.length) {
      if (state.repeat === 0) {
        const symbol = bits.decode(state.code);
        if (symbol === -1) return false;
        if (symbol < 16) lengths[state.at++] = symbol;
        else state.repeat = symbol;
        continue;
      }
      const extra = bits.read(state.repeat === 16 ? 2 : state.repeat === 17 ? 3 : 7);
      if (extra === -1) return false;
      if (state.repeat === 16 && state.at === 0) throw new InflateError('nothing to repeat');
      const length = state.repeat === 16 ? (lengths[state.at - 1] ?? 0) : 0;
      const end = state.at + extra + (state.repeat === 18 ? 11 : 3);
      if (end > lengths.length) throw new InflateError('too many code lengths');
      lengths.fill(length, state.at, end);
      state.at = end;
      state.repeat = 0;
    }
    return true;
  }

  #build(): { literals: HuffmanCode; distances: HuffmanCode } {
    if (this.#lengths[END_OF_BLOCK] === 0) throw new InflateError('a block without an end');
    const literals = buildHuffmanCode(this.#lengths.subarray(0, this.#literalCount), true);
    const distances = buildHuffmanCode(this.#lengths.subarray(this.#literalCount), true);
    if (literals === undefined || distances === undefined) throw new InflateError('invalid codes');
    return { literals, distances };
  }
}
