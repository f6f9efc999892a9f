import { type ElementMatcher, INCOMPLETE } from './element-matcher.ts';
import { MAX_ESCAPE_BYTES } from './escape-forms.ts';
import { ESCAPE_ALPHABET, startsEscape } from './escapes.ts';
import { encodedBytesBefore, isLineEnd, MIN_LINE_BYTES } from './long-lines.ts';
import type { Findings } from './needle-set.ts';
import { type Place, Readings } from './readings.ts';

/** A needle, and how many of its bytes are judged at once. */
export interface CutNeedle {
  readonly bytes: Buffer;
  /** So many stand for BLOCK_BYTES of the secret at least. */
  readonly block: number;
}

/** What is less of a secret than this is not recognised where it is cut. */
export const BLOCK_BYTES = 8;

/** How far a reading of the input goes as a needle. */
interface Reading extends Place {
  readonly found: Cut | undefined;
  readonly isFolded: boolean;
}

/** Flags of a byte: it may go on a needle, as far as is to be told; so that the needle takes more bytes than it has; start one. */
const GOES_ON = 1;
const LENGTHENS = 2;
const STARTS = 4;

/** What `#cutAt` finds beside the place where a needle ends. */
const NOT_HERE = -1;
const CUT = -2;

/** What a line that ends in the middle of a needle adds to it: CR LF. */
const LINE_END_BYTES = 2;

/** For `least` of `pendingFrom`: nothing comes behind the input, so that a block must be in it. */
export const WHOLE_BLOCK = Number.POSITIVE_INFINITY;

/** Where the input ends. */
interface Edge {
  /** So many characters of a needle must be in it, where no block is. */
  readonly least: number;
  /** So many encoded bytes stand ahead of the input. */
  readonly before: number;
  /** A line may end wherever it is. */
  readonly isFolded: boolean;
}

const INSIDE: Edge = Object.freeze({ least: WHOLE_BLOCK, before: 0, isFolded: true });

/** Behind the last block that was right. */
interface Cut {
  readonly at: number;
  /** So many characters of the needle may follow at most, unless another block is right or the needle whole. */
  readonly left: number;
  readonly isFolded: boolean;
  readonly nextBlock: number;
}

/**
 * Finds needles that the end of the input cuts off, or its beginning.
 *
 * Who may choose what is searched, such as an agent that reads back what it wrote, must not learn a secret by what is masked. If
 * each right character more were hidden, and each wrong one shown, it could be guessed character by character. So needles are judged
 * in blocks: one that is right hides whatever follows it and could go on, right or wrong, up to the length of the next block, and the
 * next block has to be guessed whole.
 */
export class CutSearch {
  readonly #needles: readonly CutNeedle[];
  readonly #longest: number;
  readonly #matcher: ElementMatcher;
  readonly #readings = new Readings<Reading>();
  /** By byte: flags of what it may be. */
  readonly #kinds = new Uint8Array(256);
  /** 1: a needle starts with this byte. */
  readonly #firsts = new Uint8Array(256);
  /** 1: the byte may go on a needle, escapes and ends of lines apart. */
  readonly #plain = new Uint8Array(256);

  constructor(needles: readonly CutNeedle[], matcher: ElementMatcher) {
    this.#needles = needles;
    this.#longest = Math.max(...needles.map(({ bytes }) => bytes.length));
    this.#matcher = matcher;
    this.#plain.fill(1, 0x80);
    for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'))
      this.#plain[byte] = 1;
    for (const { bytes } of needles) {
      this.#firsts[bytes[0] ?? 0] = 1;
      for (const byte of bytes) this.#plain[byte] = 1;
    }
    for (let byte = 0; byte < 256; byte += 1) {
      this.#kinds[byte] = (this.#plain[byte] === 1 ? GOES_ON : 0) | (this.#firsts[byte] === 1 ? STARTS : 0);
    }
    this.#mark(ESCAPE_ALPHABET, GOES_ON);
    this.#mark(ESCAPE_ALPHABET.filter(startsEscape), LENGTHENS | STARTS);
    if (needles.some(({ bytes }) => matcher.isFolded(bytes))) this.#mark([0x0a, 0x0d], GOES_ON | LENGTHENS);
  }

  #mark(bytes: Iterable<number>, flags: number): void {
    for (const byte of bytes) this.#kinds[byte] = (this.#kinds[byte] as number) | flags;
  }

  /** The most bytes that a needle may take, all of it escaped, with an escape before it that was cut. */
  get longestBytes(): number {
    return (this.#longest + 1) * MAX_ESCAPE_BYTES;
  }

  /**
   * The first place in bytes[0, end) from which a needle may go on behind `end`; `end` when there is none. `least`: so many of its
   * characters must be here, or a block. `before`: so many encoded bytes stand ahead of these.
   */
  pendingFrom(bytes: Uint8Array, end: number, least: number, before: number): number {
    const furthest = Math.max(0, end - this.#longest * MAX_ESCAPE_BYTES + 1);
    // So many plain bytes at the end are more than a needle has left, whatever stands before them.
    const near = end - this.#longest - MAX_ESCAPE_BYTES;
    const edge: Edge = { least, before, isFolded: false };
    let from = end;
    let lastLong = -1;
    let seen = 0;
    while (from > furthest && (from > near || lastLong !== -1)) {
      const kind = this.#kinds[bytes[from - 1] as number] as number;
      if ((kind & GOES_ON) === 0) break;
      from -= 1;
      seen |= kind;
      if (lastLong === -1 && (kind & LENGTHENS) !== 0) lastLong = from;
    }
    if ((seen & STARTS) === 0) return end;
    this.#matcher.startSearch(end - from);
    for (let at = from; at < end; at += 1) {
      // Without an escape or the end of a line in it, a needle's prefix is shorter than the needle.
      if (at > lastLong && end - at >= this.#longest) at = end - this.#longest + 1;
      if (((this.#kinds[bytes[at] as number] as number) & STARTS) === 0) continue;
      if (!this.#matcher.mayBeOf(this.#firsts, bytes, at, end)) continue;
      for (const needle of this.#needles) {
        if (this.#mayStart(needle, bytes, at, end) && this.#cutAt(needle, 0, bytes, at, end, edge) === CUT) return at;
      }
    }
    return end;
  }

  /**
   * Adds what may be left of a needle whose beginning stood before `bytes`: blocks of it up to its last character, or up to the
   * last byte. All that stands before them goes with them: less than a block, and at most the rest of an escape.
   */
  rests(bytes: Uint8Array, findings: Findings): void {
    this.#matcher.startSearch(bytes.length);
    for (const needle of this.#needles) {
      const { block, bytes: whole } = needle;
      const starts = Math.min(bytes.length, restStarts(bytes, block));
      const indexes = blocksBehindFirst(whole, block);
      for (let start = 0; start < starts; start += 1) {
        const found = this.#matcher.bytesAt(bytes, start, bytes.length);
        for (const index of indexes) {
          if (found?.includes(whole[index] as number) === false) continue;
          const stop = this.#cutAt(needle, index, bytes, start, bytes.length, INSIDE);
          if (stop === CUT && index !== indexes.at(-1)) findings.add(0, bytes.length);
          else if (stop > 0) findings.add(0, stop);
        }
      }
    }
    if (this.#matcher.costsTooMuch) findings.add(0, bytes.length);
  }

  /** False where the first block of the needle is not here, for all that plain bytes tell. */
  #mayStart({ bytes: needle, block }: CutNeedle, bytes: Uint8Array, at: number, end: number): boolean {
    const stop = Math.min(end, at + block);
    for (let index = 0; at + index < stop; index += 1) {
      const byte = bytes[at + index] as number;
      if (((this.#kinds[byte] as number) & LENGTHENS) !== 0) return true;
      if (byte !== needle[index]) return false;
    }
    return true;
  }

  /** Where the needle that goes on with `needle[index]` at `start` ends, CUT where it may go on behind `end`, or NOT_HERE. */
  #cutAt(needle: CutNeedle, index: number, bytes: Uint8Array, start: number, end: number, edge: Edge): number {
    let furthest = NOT_HERE;
    this.#readings.restart({ next: index, at: start, found: undefined, isFolded: edge.isFolded });
    for (let reading = this.#readings.next(); reading !== undefined; reading = this.#readings.next()) {
      if (this.#matcher.costsTooMuch) return CUT;
      const stop = this.#follow(needle, index, reading, bytes, end, edge);
      if (stop === CUT) return CUT;
      furthest = Math.max(furthest, stop);
    }
    return furthest;
  }

  #follow(needle: CutNeedle, index: number, reading: Reading, bytes: Uint8Array, end: number, edge: Edge): number {
    const { lengths, takens } = this.#matcher;
    const whole = needle.bytes;
    let { next, at, found, isFolded } = reading;
    while (next < whole.length && at < end) {
      const count = this.#matcher.match(whole, next, bytes, at, end);
      if (this.#matcher.isCut && edge.least !== WHOLE_BLOCK) {
        if (found !== undefined || next - index + plainBytes(whole, next, bytes, at, end) >= edge.least) return CUT;
      }
      const taken = takens[0] as number;
      if (count === 0 || (taken === 0 && !isFolded && !mayFold(bytes, at, edge))) {
        return found !== undefined && this.#mayGoOn(bytes, end, found, whole, edge) ? CUT : NOT_HERE;
      }
      for (let way = 1; way < count; way += 1) {
        const place = { next: next + (takens[way] as number), at: at + (lengths[way] as number) };
        this.#readings.add({
          ...place,
          isFolded,
          found: lastBlock(found, needle, index, place.next, place.at, isFolded),
        });
      }
      isFolded ||= taken === 0;
      next += taken;
      at += lengths[0] as number;
      found = lastBlock(found, needle, index, next, at, isFolded);
    }
    if (next >= whole.length) return at;
    return found === undefined && next - index < edge.least ? NOT_HERE : CUT;
  }

  /** Whether the needle might go on from a block to the end of the input, for all that the block does not tell. */
  #mayGoOn(bytes: Uint8Array, end: number, cut: Cut, needle: Uint8Array, edge: Edge): boolean {
    const folds = this.#matcher.isFolded(needle);
    let { at, isFolded } = cut;
    for (let left = folds ? cut.left + LINE_END_BYTES : cut.left; at < end; left -= 1) {
      const escape = this.#matcher.escapeBytes(bytes, at, end);
      if (escape === INCOMPLETE) return true;
      if (left === 0) return false;
      if (escape > 0) at += escape;
      else if (this.#plain[bytes[at] as number] === 1) at += 1;
      else {
        isFolded ||= folds && isLineEnd(bytes[at] as number) && mayFold(bytes, at, edge);
        if (!isFolded || !isLineEnd(bytes[at] as number)) return false;
        at += 1;
      }
    }
    return true;
  }
}

/** The last block that is right, where the needle that began with `index` was right up to `next`. */
function lastBlock(
  found: Cut | undefined,
  { bytes, block }: CutNeedle,
  index: number,
  next: number,
  at: number,
  isFolded: boolean,
): Cut | undefined {
  const due = found?.nextBlock ?? block;
  if (next - index < due) return found;
  return { at, left: Math.min(block, bytes.length - next) - 1, isFolded, nextBlock: due + block };
}

/** How many characters of the needle an escape at the end of the input is that was cut, if it is none. */
function plainBytes(needle: Uint8Array, index: number, bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at += 1) if (bytes[at] !== needle[index + at - from]) return 0;
  return end - from;
}

/**
 * Where the blocks behind the first begin, counted from the needle's start as where it is cut at its end: others would be guessed with
 * the help of these. And the last one, up to the needle's end.
 */
function blocksBehindFirst(needle: Uint8Array, block: number): number[] {
  const indexes: number[] = [];
  const last = needle.length - block;
  for (let index = block; index < last; index += block) indexes.push(startOfCharacter(needle, index));
  if (last > 0) indexes.push(startOfCharacter(needle, last));
  return indexes;
}

/** Escapes stand for whole characters (UTF-8, RFC 3629 section 3). */
function startOfCharacter(needle: Uint8Array, index: number): number {
  let start = index;
  while (start > 0 && start > index - 3 && ((needle[start] as number) & 0xc0) === 0x80) start -= 1;
  return start;
}

/** Before so many bytes the first block that is whole begins. */
function restStarts(bytes: Uint8Array, block: number): number {
  const escaped = block * MAX_ESCAPE_BYTES;
  for (let at = 0; at < Math.min(escaped, bytes.length); at += 1) {
    if (startsEscape(bytes[at] as number)) return escaped;
  }
  return block + MAX_ESCAPE_BYTES;
}

/** As in the search of whole needles: an event or a line of text is not to wait for the next one. */
function mayFold(bytes: Uint8Array, at: number, { before }: Edge): boolean {
  return !isLineEnd(bytes[at] as number) || encodedBytesBefore(bytes, at, before) >= MIN_LINE_BYTES;
}
