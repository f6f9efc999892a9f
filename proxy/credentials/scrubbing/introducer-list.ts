import { placeList } from '../place-list.ts';
import { startsEscape } from './escapes.ts';

/** So many bytes are listed at once. */
export const LISTED_BYTES = 4096;
/** Where the list begins in the memory that WebAssembly has; the bytes stand at its beginning. */
const LIST_AT = 8192;

/** Lists where escapes may start in a block. */
export interface IntroducerLister {
  /** Those of the last block, counted from its beginning. */
  readonly places: Int32Array;
  /** How many are in bytes[from, until). */
  list(bytes: Buffer, from: number, until: number): number;
}

/**
 * The table has each introducer at its lower half (5, 6, 12), and elsewhere what no byte with that half is:
 *
 *     do {
 *       bytes = memory[at, at + 16);
 *       marks = a bit for each of the bytes that is table[byte & 15];
 *       for (; marks != 0; marks &= marks - 1) list[out++] = at + countTrailingZeros(marks);
 *     } while ((at += 16) < end);
 */
const CODE = [
  '00 61 73 6d  01 00 00 00', // WebAssembly, version 1
  '01 06  01 60  01 7f  01 7f', // types: (end: i32) -> i32
  '03 02  01 00', // functions: one of the first type
  '05 03  01 00 01', // memories: one of 64 KB
  '07 11  02  06 6d 65 6d 6f 72 79 02 00  04 6c 69 73 74 00 00', // exports: "memory", "list"
  '0a 76  01 74', // code: one function
  '02 03 7f 01 7b', // locals: 1 at, 2 out and 3 marks are i32, 4 bytes is v128
  '03 40', // loop
  '20 01  fd 00 00 00  22 04', // bytes = v128.load(at)
  'fd 0c  01 00 00 00 00 25 26 00 00 00 00 00 5c 00 00 00', // v128.const: the table
  '20 04  fd 0c 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f  fd 4e', // v128.and(bytes, 15)
  'fd 0e  fd 23  fd 64  22 03', // marks = i8x16.bitmask(i8x16.eq(bytes, i8x16.swizzle(table, ...)))
  '04 40', // if
  '03 40', // loop
  '20 02  20 01 20 03 68 6a  36 02 80 40', // i32.store(out + LIST_AT, at + ctz(marks))
  '20 02 41 04 6a 21 02', // out += 4
  '20 03  20 03 41 01 6b  71  22 03', // marks &= marks - 1
  '0d 00  0b  0b', // again while marks; end of the loop and of the if
  '20 01 41 10 6a  22 01', // at += 16
  '20 00  49  0d 00  0b', // again while at < end
  '20 02  0b', // return out
];

let lister: IntroducerLister | undefined;

export function introducerLister(): IntroducerLister {
  return (lister ??= wasmLister() ?? slowLister());
}

/** Undefined where there is no WebAssembly with vectors. */
export function wasmLister(): IntroducerLister | undefined {
  const found = placeList(Buffer.from(CODE.join('').replaceAll(' ', ''), 'hex'), LIST_AT, LISTED_BYTES);
  return found && { places: found.places, list: (bytes, from, until) => found.list(bytes, from, until - from, 0) };
}

export function slowLister(): IntroducerLister {
  const places = new Int32Array(LISTED_BYTES);
  return {
    places,
    list: (bytes, from, until) => {
      let count = 0;
      for (let at = from; at < until; at += 1) {
        if (startsEscape(bytes[at] as number)) places[count++] = at - from;
      }
      return count;
    },
  };
}
