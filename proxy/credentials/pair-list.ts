import { placeList, unsigned } from './place-list.ts';

/** So many places are looked at at once. */
const BLOCK_BYTES = 16_384;
/** In the memory that WebAssembly has, behind the bytes. */
const TABLES_AT = 20_480;
/** A table is of 16 bytes. */
const TABLE_BYTES = 16;
const LIST_AT = TABLES_AT + 4 * TABLE_BYTES;

/** Any of the first bytes, with any of the second behind it. */
export interface PairGroup {
  readonly first: Iterable<number>;
  readonly second: Iterable<number>;
}

/** Lists where pairs of bytes stand, and some that look like them. */
export interface PairLister {
  /** Those of the last block, counted from its beginning. */
  readonly places: Int32Array;
  /** How many begin in bytes[from, until), a block at most, and end before `end`. */
  list(bytes: Buffer, from: number, until: number, end: number): number;
}

/** Four tables, each by half a byte: the lower and upper one of the first byte, then of the second. A group is a bit in each. */
type Tables = Uint8Array;

/** Calls `take` with each place, in order, at which a pair of the lister's begins. */
export function eachPair(lister: PairLister, bytes: Buffer, take: (at: number) => void): void {
  const end = bytes.length;
  for (let from = 0; from < end - 1; from += BLOCK_BYTES) {
    const count = lister.list(bytes, from, Math.min(end, from + BLOCK_BYTES), end);
    for (let index = 0; index < count; index += 1) take(from + (lister.places[index] as number));
  }
}

/** Of eight groups at most. */
export function pairLister(groups: readonly PairGroup[]): PairLister {
  if (groups.length > 8) throw new Error('more groups than a byte has bits');
  return wasmPairLister(groups) ?? slowPairLister(groups);
}

function tablesOf(groups: readonly PairGroup[]): Tables {
  const tables = new Uint8Array(4 * TABLE_BYTES);
  const mark = (table: number, half: number, group: number): void => {
    tables[table * TABLE_BYTES + half] = (tables[table * TABLE_BYTES + half] as number) | (1 << group);
  };
  groups.forEach(({ first, second }, group) => {
    for (const [table, bytes] of [first, second].entries()) {
      for (const byte of bytes) {
        mark(2 * table, byte & 15, group);
        mark(2 * table + 1, byte >> 4, group);
      }
    }
  });
  return tables;
}

export function slowPairLister(groups: readonly PairGroup[]): PairLister {
  const tables = tablesOf(groups);
  const places = new Int32Array(BLOCK_BYTES);
  const groupsOf = (byte: number, table: number): number =>
    (tables[table * TABLE_BYTES + (byte & 15)] as number) & (tables[(table + 1) * TABLE_BYTES + (byte >> 4)] as number);
  return {
    places,
    list: (bytes, from, until, end) => {
      let count = 0;
      for (let at = from; at < Math.min(until, end - 1); at += 1) {
        if ((groupsOf(bytes[at] as number, 0) & groupsOf(bytes[at + 1] as number, 2)) !== 0)
          places[count++] = at - from;
      }
      return count;
    },
  };
}

/** Undefined where there is no WebAssembly with vectors. */
export function wasmPairLister(groups: readonly PairGroup[]): PairLister | undefined {
  const found = placeList({ marks: MARKS, vectors: 2, listAt: LIST_AT, blockBytes: BLOCK_BYTES });
  found?.memory.set(tablesOf(groups), TABLES_AT);
  return (
    found && {
      places: found.places,
      list: (bytes, from, until, end) => {
        const count = Math.min(until, end - 1) - from;
        return count <= 0 ? 0 : found.list(bytes, from, count, 1);
      },
    }
  );
}

/**
 * In WebAssembly, after "Teddy" of Hyperscan (`table.of(halves)` has for each of 16 halves its byte of the table):
 *
 *     bytes = memory[at, at + 16);
 *     next = memory[at + 1, at + 17);
 *     groups = lower1.of(bytes & 15) & upper1.of(bytes >> 4) & lower2.of(next & 15) & upper2.of(next >> 4);
 *     marks = a bit for each byte of the groups that is not 0;
 */
const LOWER = `fd 0c ${'0f '.repeat(16)} fd 4e`; // v128.and(.., 15)
const UPPER = '41 04  fd 6d'; // i8x16.shr_u(.., 4)
const MARKS = [
  '20 01  fd 00 00 00  21 04', // bytes = v128.load(at)
  '20 01  fd 00 00 01  21 05', // next = v128.load(at + 1)
  `${tableAt(0)}  20 04  ${LOWER}  fd 0e`, // i8x16.swizzle(table, bytes & 15)
  `${tableAt(1)}  20 04  ${UPPER}  fd 0e  fd 4e`, // v128.and(.., i8x16.swizzle(table, bytes >> 4))
  `${tableAt(2)}  20 05  ${LOWER}  fd 0e  fd 4e`,
  `${tableAt(3)}  20 05  ${UPPER}  fd 0e  fd 4e`,
  `fd 0c ${'00 '.repeat(16)} fd 23  fd 64`, // i8x16.bitmask(i8x16.eq(groups, 0))
  '41 ff ff 03  73', // .. xor 0xffff
].join('');

/** v128.load of a table. */
function tableAt(table: number): string {
  return `41 00  fd 00 00 ${unsigned(TABLES_AT + table * TABLE_BYTES)}`;
}
