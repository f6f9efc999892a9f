import { decodeHuffman, type HuffmanTable, readHuffmanTable } from './huffman.ts';
import { ZstdError } from './zstd-error.ts';

/** RFC 8878 3.1.1.2.4. */
export const MAX_BLOCK_BYTES = 131_072;

/** The literals of a block, how long their section was, and the tree that a later block may use again. */
export interface Literals {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly tree: HuffmanTable | undefined;
}

/** Bytes of the section's head by its size format, for literals that are not compressed and for those that are. */
const PLAIN_HEAD_BYTES = [1, 2, 1, 3] as const;
const CODED_HEAD_BYTES = [3, 3, 4, 5] as const;
const CODED_SIZE_BITS = [10, 10, 14, 18] as const;

/** Reads the section of literals at the beginning of a block (RFC 8878 3.1.1.3.1). @throws ZstdError */
export function readLiterals(block: Buffer, tree: HuffmanTable | undefined): Literals {
  const head = block[0] ?? 0;
  const format = (head >> 2) & 3;
  const type = head & 3;
  if (type >= 2) return readCoded(block, format, type === 3, tree);
  const headBytes = PLAIN_HEAD_BYTES[format] as number;
  if (block.length < headBytes + type) throw new ZstdError('literals are cut short');
  const size = block.readUIntLE(0, headBytes) >> (headBytes === 1 ? 3 : 4);
  if (size > MAX_BLOCK_BYTES) throw new ZstdError('too many literals');
  if (type === 1) return { bytes: new Uint8Array(size).fill(block[headBytes] ?? 0), length: headBytes + 1, tree };
  if (block.length < headBytes + size) throw new ZstdError('literals are cut short');
  return { bytes: block.subarray(headBytes, headBytes + size), length: headBytes + size, tree };
}

function readCoded(block: Buffer, format: number, isTreeless: boolean, known: HuffmanTable | undefined): Literals {
  const headBytes = CODED_HEAD_BYTES[format] as number;
  if (block.length < headBytes) throw new ZstdError('literals are cut short');
  const sizeBits = CODED_SIZE_BITS[format] as number;
  // Up to 40 bits: more than a shift takes.
  const sizes = Math.floor(block.readUIntLE(0, headBytes) / 16);
  const size = sizes % 2 ** sizeBits;
  const length = headBytes + Math.floor(sizes / 2 ** sizeBits);
  if (size > MAX_BLOCK_BYTES || length > block.length) throw new ZstdError('literals of an impossible size');
  let coded = block.subarray(headBytes, length);
  let tree = known;
  if (!isTreeless) {
    const read = readHuffmanTable(coded);
    tree = read.table;
    coded = coded.subarray(read.length);
  }
  if (tree === undefined) throw new ZstdError('literals without a tree');
  const bytes = new Uint8Array(size);
  if (format === 0) decodeHuffman(tree, coded, bytes);
  else decodeFour(tree, coded, bytes);
  return { bytes, length, tree };
}

/** Four streams, of which the first three say how long they are (RFC 8878 3.1.1.3.1.6). */
function decodeFour(tree: HuffmanTable, coded: Buffer, out: Uint8Array): void {
  if (coded.length < 6) throw new ZstdError('literals are cut short');
  const quarter = (out.length + 3) >> 2;
  let at = 6;
  for (let index = 0; index < 4; index += 1) {
    const end = index === 3 ? coded.length : at + coded.readUInt16LE(index * 2);
    if (end > coded.length || quarter * 3 > out.length) throw new ZstdError('literals of an impossible size');
    decodeHuffman(
      tree,
      coded.subarray(at, end),
      out.subarray(quarter * index, index === 3 ? undefined : quarter * (index + 1)),
    );
    at = end;
  }
}
