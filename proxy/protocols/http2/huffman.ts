import { Http2Error } from './http2-error.ts';

/**
 * The Huffman code of HPACK (RFC 7541 5.2, appendix B). Only its lengths are written down: the code is canonical, so
 * symbols of one length have consecutive codes, in order.
 */

const EOS = 256;
const MAX_CODE_BITS = 30;

/** Bits of the code of each symbol; the last is EOS. */
const CODE_BITS = Uint8Array.from(
  `13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
   6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
   13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
   15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
   20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
   22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
   26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
   20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
   30`
    .split(/\s+/)
    .map(Number),
);

/** A step of the decoder: 8 bits of symbol, then these two flags, then the next node. */
const EMITS = 0x100;
const FAILS = 0x200;
const NODE_SHIFT = 10;

/** `STEPS[16 * node + nibble]`, where a node is an inner node of the code's tree; the root is 0. */
const STEPS = new Uint32Array(256 * 16);
/** Whether a string may end in this node: its bits are up to 7 ones, the beginning of EOS (RFC 7541 5.2). */
const MAY_END = new Uint8Array(256);

buildSteps();

function buildSteps(): void {
  const tree = buildTree();
  for (let node = 0; node < 256; node += 1) {
    for (let nibble = 0; nibble < 16; nibble += 1) STEPS[16 * node + nibble] = walk(tree, node, nibble);
  }
  for (let node = 0, depth = 0; depth < 8; depth += 1) {
    MAY_END[node] = 1;
    node = tree[2 * node + 1] ?? 0;
  }
}

/** `tree[2 * node + bit]` is the next node, or -1 - symbol. A node of 257 leaves has 256 inner nodes. */
function buildTree(): Int32Array {
  const tree = new Int32Array(512);
  let nodes = 1;
  let code = 0;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits += 1) {
    for (let symbol = 0; symbol <= EOS; symbol += 1) {
      if (CODE_BITS[symbol] !== bits) continue;
      let node = 0;
      for (let bit = bits - 1; bit > 0; bit -= 1) {
        const edge = 2 * node + ((code >>> bit) & 1);
        if (tree[edge] === 0) {
          tree[edge] = nodes;
          nodes += 1;
        }
        node = tree[edge] ?? 0;
      }
      tree[2 * node + (code & 1)] = -1 - symbol;
      code += 1;
    }
    code *= 2;
  }
  return tree;
}

function walk(tree: Int32Array, from: number, nibble: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit -= 1) {
    node = tree[2 * node + ((nibble >>> bit) & 1)] ?? 0;
    if (node >= 0) continue;
    if (node === -1 - EOS) return FAILS;
    emitted = EMITS | (-1 - node);
    node = 0;
  }
  return (node << NODE_SHIFT) | emitted;
}

/** The longest text that so many bytes can stand for: no code is shorter than 5 bits. */
export function maxDecodedBytes(codedBytes: number): number {
  return Math.floor((codedBytes * 8) / 5);
}

/** Decodes `bytes[start .. end)` into `target`, which has room for maxDecodedBytes; returns the length. */
export function decodeHuffman(bytes: Buffer, start: number, end: number, target: Buffer): number {
  let node = 0;
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    const high = STEPS[16 * node + (byte >>> 4)] ?? FAILS;
    if ((high & EMITS) !== 0) {
      target[length] = high;
      length += 1;
    }
    const low = STEPS[16 * (high >>> NODE_SHIFT) + (byte & 15)] ?? FAILS;
    if ((low & EMITS) !== 0) {
      target[length] = low;
      length += 1;
    }
    if (((high | low) & FAILS) !== 0)
      throw new Http2Error('COMPRESSION_ERROR', 'a string that holds EOS (RFC 7541 5.2)');
    node = low >>> NODE_SHIFT;
  }
  if (MAY_END[node] !== 1) throw new Http2Error('COMPRESSION_ERROR', 'a string with wrong padding (RFC 7541 5.2)');
  return length;
}
