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
 *     bytes = memory[at, at + 16);
 *     marks = a bit for each of the bytes that is table[byte & 15];
 */
const MARKS = [
  '20 01  fd 00 00 00  22 04', // bytes = v128.load(at)
  'fd 0c  01 00 00 00 00 25 26 00 00 00 00 00 5c 00 00 00', // v128.const: the table
  '20 04  fd 0c 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f  fd 4e', // v128.and(bytes, 15)
  'fd 0e  fd 23  fd 64', // i8x16.bitmask(i8x16.eq(bytes, i8x16.swizzle(table, ...)))
].join('');

let lister: IntroducerLister | undefined;

export function introducerLister(): IntroducerLister {
  return (lister ??= wasmLister() ?? slowLister());
}

/** Undefined where there is no WebAssembly with vectors. */
export function wasmLister(): IntroducerLister | undefined {
  const found = placeList({ marks: MARKS, vectors: 1, listAt: LIST_AT, blockBytes: LISTED_BYTES });
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
