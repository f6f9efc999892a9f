import { BackwardBits } from './bits.ts';
import { buildFseTable, constantFseTable, type FseBounds, FseState, type FseTable, readFseTable } from './fse.ts';
import { ZstdError } from './zstd-error.ts';

/** The tables of the last block that had some, which the next may use again. */
export interface SequenceTables {
  literalLengths: FseTable | undefined;
  offsets: FseTable | undefined;
  matchLengths: FseTable | undefined;
}

/** What a block's section of sequences says (RFC 8878 3.1.1.3.2). */
export interface Sequences {
  readonly count: number;
  /** The next one, as the three values of its codes; the object is used again. @throws ZstdError */
  next(): Sequence;
}

export interface Sequence {
  literals: number;
  match: number;
  /** 1 to 3 speak of offsets that were used before. */
  offsetValue: number;
}

interface Codes extends FseBounds {
  readonly predefined: FseTable;
}

/** RFC 8878 3.1.1.3.2.2. */
const LITERAL_LENGTHS: Codes = {
  maxAccuracyLog: 9,
  maxSymbol: 35,
  predefined: buildFseTable(
    6,
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
  ),
};
const MATCH_LENGTHS: Codes = {
  maxAccuracyLog: 9,
  maxSymbol: 52,
  predefined: buildFseTable(
    6,
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
  ),
};
const OFFSETS: Codes = {
  maxAccuracyLog: 8,
  maxSymbol: 31,
  predefined: buildFseTable(
    5,
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  ),
};
/** Codes below these stand for themselves (plus 3 for matches); from here on: the smallest value and its extra bits. */
const FIRST_LITERAL_CODE = 16;
const LITERAL_BASES = [
  16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536,
];
const LITERAL_BITS = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const FIRST_MATCH_CODE = 32;
const MATCH_BASES = [
  35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
];
const MATCH_BITS = [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

const NONE: Sequences = {
  count: 0,
  next: () => {
    throw new ZstdError('no sequence');
  },
};

/** Reads the section; what it says of tables goes into `tables`. @throws ZstdError */
export function readSequences(section: Buffer, tables: SequenceTables): Sequences {
  const [first = 0, second = 0, third = 0] = section;
  if (section.length === 0) throw new ZstdError('sequences are missing');
  if (first === 0) {
    if (section.length > 1) throw new ZstdError('bytes behind no sequences');
    return NONE;
  }
  const countBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
  const count = first < 128 ? first : first < 255 ? ((first - 128) << 8) + second : second + (third << 8) + 0x7f00;
  const modes = section[countBytes] ?? 3;
  if ((modes & 3) !== 0) throw new ZstdError('sequences in an unknown mode');
  let rest = section.subarray(countBytes + 1);
  const read = (mode: number, codes: Codes, known: FseTable | undefined): FseTable => {
    const { table, length } = readTable(mode, rest, codes, known);
    rest = rest.subarray(length);
    return table;
  };
  tables.literalLengths = read(modes >> 6, LITERAL_LENGTHS, tables.literalLengths);
  tables.offsets = read((modes >> 4) & 3, OFFSETS, tables.offsets);
  tables.matchLengths = read((modes >> 2) & 3, MATCH_LENGTHS, tables.matchLengths);
  return new SequenceReader(count, rest, tables.literalLengths, tables.offsets, tables.matchLengths);
}

/** RFC 8878 3.1.1.3.2.1: predefined, one symbol alone, described here, or that of the block before. */
function readTable(
  mode: number,
  bytes: Buffer,
  codes: Codes,
  known: FseTable | undefined,
): { table: FseTable; length: number } {
  if (mode === 0) return { table: codes.predefined, length: 0 };
  if (mode === 2) return readFseTable(bytes, codes);
  if (mode === 3) {
    if (known === undefined) throw new ZstdError('no table to use again');
    return { table: known, length: 0 };
  }
  const [symbol] = bytes;
  if (symbol === undefined || symbol > codes.maxSymbol) throw new ZstdError('an unknown code');
  return { table: constantFseTable(symbol), length: 1 };
}

class SequenceReader implements Sequences {
  readonly count: number;
  readonly #bits: BackwardBits;
  readonly #literalLength: FseState;
  readonly #offset: FseState;
  readonly #matchLength: FseState;
  readonly #sequence: Sequence = { literals: 0, match: 0, offsetValue: 0 };
  #left: number;

  constructor(count: number, bytes: Buffer, literalLengths: FseTable, offsets: FseTable, matchLengths: FseTable) {
    this.count = count;
    this.#left = count;
    this.#bits = new BackwardBits(bytes);
    this.#literalLength = new FseState(literalLengths, this.#bits);
    this.#offset = new FseState(offsets, this.#bits);
    this.#matchLength = new FseState(matchLengths, this.#bits);
  }

  next(): Sequence {
    const bits = this.#bits;
    const sequence = this.#sequence;
    const offsetCode = this.#offset.symbol;
    const matchCode = this.#matchLength.symbol;
    const literalCode = this.#literalLength.symbol;
    sequence.offsetValue = 2 ** offsetCode + bits.read(offsetCode);
    const matchAt = matchCode - FIRST_MATCH_CODE;
    sequence.match = matchAt < 0 ? matchCode + 3 : (MATCH_BASES[matchAt] ?? 0) + bits.read(MATCH_BITS[matchAt] ?? 0);
    const literalAt = literalCode - FIRST_LITERAL_CODE;
    sequence.literals =
      literalAt < 0 ? literalCode : (LITERAL_BASES[literalAt] ?? 0) + bits.read(LITERAL_BITS[literalAt] ?? 0);
    this.#left -= 1;
    if (this.#left > 0) {
      this.#literalLength.advance(bits);
      this.#matchLength.advance(bits);
      this.#offset.advance(bits);
    }
    if (bits.left < 0 || (this.#left === 0 && bits.left > 0))
      throw new ZstdError('sequences of another length than they say');
    return sequence;
  }
}
