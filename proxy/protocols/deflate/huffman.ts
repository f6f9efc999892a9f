/** A prefix code as one flat table: `table[bits] = symbol << 4 | length`, indexed by the next `maxBits` bits; 0 is no code. */
export interface HuffmanCode {
  readonly table: Uint16Array;
  readonly maxBits: number;
}

const MAX_CODE_BITS = 15;

/**
 * Builds the code of RFC 1951 section 3.2.2 from code lengths (0: the symbol is not used). As zlib does, a code that
 * leaves bit patterns unused is taken only when it has a single symbol of one bit, or none. undefined: no such code.
 */
export function buildHuffmanCode(lengths: Uint8Array, mayBeIncomplete: boolean): HuffmanCode | undefined {
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  let maxBits = MAX_CODE_BITS;
  while (maxBits > 0 && counts[maxBits] === 0) maxBits -= 1;
  if (maxBits === 0) return mayBeIncomplete ? { table: new Uint16Array(2), maxBits: 1 } : undefined;
  const next = firstCodes(counts, maxBits);
  if (next === undefined) return undefined;
  const left = next.unused;
  if (left > 0 && (!mayBeIncomplete || maxBits !== 1)) return undefined;
  const table = new Uint16Array(1 << maxBits);
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol] ?? 0;
    if (length === 0) continue;
    const code = next.codes[length] ?? 0;
    next.codes[length] = code + 1;
    // Codes are sent from their most significant bit on, everything else from the least significant one.
    for (let at = reversed(code, length); at < table.length; at += 1 << length) table[at] = (symbol << 4) | length;
  }
  return { table, maxBits };
}

/** The first code of each length; undefined when there are more codes than bit patterns. */
function firstCodes(counts: Uint16Array, maxBits: number): { codes: Uint16Array; unused: number } | undefined {
  const codes = new Uint16Array(MAX_CODE_BITS + 1);
  let code = 0;
  let unused = 1;
  for (let length = 1; length <= maxBits; length += 1) {
    codes[length] = code;
    const count = counts[length] ?? 0;
    code = (code + count) << 1;
    unused = unused * 2 - count;
    if (unused < 0) return undefined;
  }
  return { codes, unused };
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit += 1) result |= ((code >> bit) & 1) << (length - 1 - bit);
  return result;
}

/** The codes of blocks that bring none (RFC 1951 section 3.2.6). */
export function fixedCodes(): { literals: HuffmanCode; distances: HuffmanCode } {
  const lengths = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
  const literals = buildHuffmanCode(lengths, false);
  const distances = buildHuffmanCode(new Uint8Array(32).fill(5), false);
  if (literals === undefined || distances === undefined) throw new Error('the fixed codes are complete');
  return { literals, distances };
}
