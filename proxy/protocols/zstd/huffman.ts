import { BackwardBits, bitsAt } from './bits.ts';
import { FseState, readFseTable } from './fse.ts';
import { ZstdError } from './zstd-error.ts';

const MAX_BITS = 11;
const MAX_WEIGHTS = 255;
const WEIGHT_BOUNDS = { maxAccuracyLog: 6, maxSymbol: MAX_BITS } as const;

/** By the next `maxBits` bits: the symbol that they begin with, and its length. */
export interface HuffmanTable {
  readonly maxBits: number;
  readonly symbols: Uint8Array;
  readonly lengths: Uint8Array;
}

/** Reads a tree's description (RFC 8878 4.2.1); `length` is that in bytes. @throws ZstdError */
export function readHuffmanTable(bytes: Uint8Array): { table: HuffmanTable; length: number } {
  const [head] = bytes;
  if (head === undefined) throw new ZstdError('a Huffman tree is missing');
  const isDirect = head >= 128;
  const length = 1 + (isDirect ? (head - 126) >> 1 : head);
  if (length > bytes.length) throw new ZstdError('a Huffman tree is cut short');
  const body = bytes.subarray(1, length);
  return { table: buildTable(isDirect ? directWeights(body, head - 127) : codedWeights(body)), length };
}

function directWeights(bytes: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, index) => bitsAt(bytes, index * 4 + (index % 2 === 0 ? 4 : -4), 4));
}

/** Two states take turns (RFC 8878 4.2.1.2); the stream ends when one of them would read more than there is. */
function codedWeights(bytes: Uint8Array): number[] {
  const { table, length } = readFseTable(bytes, WEIGHT_BOUNDS);
  const bits = new BackwardBits(bytes.subarray(length));
  let [present, other] = [new FseState(table, bits), new FseState(table, bits)];
  const weights: number[] = [];
  while (weights.length < MAX_WEIGHTS) {
    weights.push(present.symbol);
    present.advance(bits);
    if (bits.left < 0) {
      weights.push(other.symbol);
      return weights;
    }
    [present, other] = [other, present];
  }
  throw new ZstdError('a Huffman tree of too many symbols');
}

/** The last weight is what is missing to a power of two. */
function buildTable(weights: number[]): HuffmanTable {
  const sum = weights.reduce((total, weight) => total + (weight === 0 ? 0 : 1 << (weight - 1)), 0);
  const maxBits = 32 - Math.clz32(sum);
  const missing = (1 << maxBits) - sum;
  if (sum === 0 || maxBits > MAX_BITS || weights.length > MAX_WEIGHTS || (missing & (missing - 1)) !== 0) {
    throw new ZstdError('a malformed Huffman tree');
  }
  weights.push(32 - Math.clz32(missing));
  const symbols = new Uint8Array(1 << maxBits);
  const lengths = new Uint8Array(1 << maxBits);
  let at = 0;
  // Longer codes, thus smaller weights, come first, and those of one length in the order of their symbols.
  for (let weight = 1; weight <= maxBits; weight += 1) {
    for (const [symbol, own] of weights.entries()) {
      if (own !== weight) continue;
      const end = at + (1 << (weight - 1));
      symbols.fill(symbol, at, end);
      lengths.fill(maxBits + 1 - weight, at, end);
      at = end;
    }
  }
  return { maxBits, symbols, lengths };
}

/** Decodes one stream into the whole of `out`. @throws ZstdError */
export function decodeHuffman({ maxBits, symbols, lengths }: HuffmanTable, bytes: Uint8Array, out: Uint8Array): void {
  const bits = new BackwardBits(bytes);
  let { left } = bits;
  for (let at = 0; at < out.length; at += 1) {
    const prefix = bitsAt(bytes, left - maxBits, maxBits);
    out[at] = symbols[prefix] as number;
    left -= lengths[prefix] as number;
  }
  if (left !== 0) throw new ZstdError('literals of another length than they say');
}
