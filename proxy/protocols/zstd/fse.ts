import { type BackwardBits, bitsAt } from './bits.ts';
import { ZstdError } from './zstd-error.ts';

/** A table of Finite State Entropy (RFC 8878 4.1): by state, its symbol and how the next state is made. */
export interface FseTable {
  readonly accuracyLog: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** What a table may hold. */
export interface FseBounds {
  readonly maxAccuracyLog: number;
  readonly maxSymbol: number;
}

/** The table that these counts describe, which add up to its size; -1 stands for "less than one", and counts as one. */
export function buildFseTable(accuracyLog: number, counts: readonly number[]): FseTable {
  const size = 1 << accuracyLog;
  const symbols = new Uint8Array(size);
  const nexts = new Uint16Array(counts.length);
  let high = size - 1;
  for (const [symbol, count] of counts.entries()) {
    nexts[symbol] = Math.abs(count);
    if (count === -1) symbols[high--] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let left = count; left > 0; left -= 1) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  }
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state += 1) {
    const symbol = symbols[state] as number;
    const next = nexts[symbol] as number;
    nexts[symbol] = next + 1;
    bits[state] = accuracyLog - (31 - Math.clz32(next));
    bases[state] = (next << (bits[state] as number)) - size;
  }
  return { accuracyLog, symbols, bits, bases };
}

/** A table of one state, for a symbol that is always the same. */
export function constantFseTable(symbol: number): FseTable {
  return { accuracyLog: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), bases: new Uint16Array(1) };
}

/** Reads a table's description (RFC 8878 4.1.1); `length` is that in bytes. @throws ZstdError */
export function readFseTable(
  bytes: Uint8Array,
  { maxAccuracyLog, maxSymbol }: FseBounds,
): { table: FseTable; length: number } {
  const accuracyLog = bitsAt(bytes, 0, 4) + 5;
  if (accuracyLog > maxAccuracyLog) throw new ZstdError('a table of probabilities that is too fine');
  const counts: number[] = [];
  let at = 4;
  let remaining = 1 << accuracyLog;
  while (remaining > 0 && counts.length <= maxSymbol) {
    const width = 32 - Math.clz32(remaining + 1);
    const lowMask = (1 << (width - 1)) - 1;
    const threshold = (1 << width) - 2 - remaining;
    let value = bitsAt(bytes, at, width);
    at += width;
    if ((value & lowMask) < threshold) {
      at -= 1;
      value &= lowMask;
    } else if (value > lowMask) value -= threshold;
    counts.push(value - 1);
    remaining -= Math.abs(value - 1);
    if (value !== 1) continue;
    for (let zeros = 3; zeros === 3; at += 2) {
      zeros = bitsAt(bytes, at, 2);
      for (let left = zeros; left > 0 && counts.length <= maxSymbol; left -= 1) counts.push(0);
      if (at > bytes.length * 8) break;
    }
  }
  const length = (at + 7) >> 3;
  if (remaining !== 0 || length > bytes.length) {
    throw new ZstdError('a malformed table of probabilities');
  }
  return { table: buildFseTable(accuracyLog, counts), length };
}

/** Where a decoder stands in a table. */
export class FseState {
  readonly #table: FseTable;
  #state: number;

  constructor(table: FseTable, bits: BackwardBits) {
    this.#table = table;
    this.#state = bits.read(table.accuracyLog);
  }

  get symbol(): number {
    return this.#table.symbols[this.#state] as number;
  }

  advance(bits: BackwardBits): void {
    const { bases, bits: widths } = this.#table;
    this.#state = (bases[this.#state] as number) + bits.read(widths[this.#state] as number);
  }
}
