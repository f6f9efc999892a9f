import type { Findings } from './needle-set.ts';
import type { PairGroup } from '../pair-list.ts';
import { ElementMatcher } from './element-matcher.ts';
import { createEscapeForms } from './escape-forms.ts';
import { EscapeStarts, NOTHING, UNTOLD } from './escape-starts.ts';
import { readEscape, startsEscape } from './escapes.ts';
import { isLineEnd, longLineEnd } from './long-lines.ts';
import { IntroducerBlocks } from './introducer-blocks.ts';
import { type Place, Readings } from './readings.ts';
import { bytesOfWordAt, leadOf } from './utf8-word.ts';

const PAIR_SLOTS = 4096;
const ALL_BYTES = Array.from({ length: 256 }, (_, byte) => byte);
const INTRODUCERS = ALL_BYTES.filter(startsEscape);
const [PUNCTUATION, OTHERS] = [ALL_BYTES.slice(0, 0x30), ALL_BYTES.slice(0x30)];

/** A place in a needle at which some byte stands. */
interface Occurrence {
  readonly needle: Uint8Array;
  readonly at: number;
  /** A line may end behind it. */
  readonly folds: boolean;
}

/**
 * Finds needles of which any characters are escaped, in any mixture of the escapes of escapes.ts, or between whose characters lines
 * end.
 */
export class EscapedSearch {
  readonly #needles: readonly Uint8Array[];
  /** By byte; filled when an escape first stands for that byte, because most never do. */
  readonly #occurrences = new Map<number, readonly Occurrence[]>();
  /** 1: a needle starts with this byte. */
  readonly #firsts = new Uint8Array(256);
  /** A bit for each `pairSlot`: a needle has two such bytes. */
  readonly #pairs = new Uint32Array(PAIR_SLOTS >> 5);
  readonly #starts: EscapeStarts;
  readonly #forms = createEscapeForms();
  readonly #matcher: ElementMatcher;
  readonly #readings = new Readings<Place>();
  /** Between the bytes of some needles a line may end. */
  readonly #folds: boolean;

  constructor(needles: readonly Uint8Array[], matcher = new ElementMatcher([])) {
    this.#needles = needles;
    this.#matcher = matcher;
    this.#folds = needles.some((needle) => matcher.isFolded(needle));
    const counts = new Uint8Array(256);
    for (const needle of needles) {
      this.#firsts[needle[0] as number] = 1;
      for (let at = 0; at < needle.length; at += 1) {
        counts[needle[at] as number] = 1;
        if (at === 0) continue;
        const slot = pairSlot(needle[at - 1] as number, needle[at] as number);
        this.#pairs[slot >> 5] = (this.#pairs[slot >> 5] as number) | (1 << (slot & 31));
      }
    }
    if (this.#folds) for (const lineEnd of [0x0a, 0x0d]) counts[lineEnd] = 1;
    this.#starts = new EscapeStarts(counts);
  }

  /** Adds every needle in bytes[0, end) that holds at least one escape; all of them where that costs too much. */
  search(bytes: Buffer, end: number, findings: Findings): void {
    this.begin(end);
    const blocks = new IntroducerBlocks(bytes, end);
    while (blocks.next()) {
      const { from, count, places } = blocks;
      for (let index = 0; index < count; index += 1) {
        if (this.searchAt(bytes, from + (places[index] as number), end, findings)) return;
      }
    }
  }

  /** Before `searchAt` is called for the introducers in bytes[0, end), in order. */
  begin(end: number): void {
    this.#matcher.startSearch(end);
  }

  /** Adds the needles whose first escape is at `at`; all that there is, and true, once it has cost too much. */
  searchAt(bytes: Buffer, at: number, end: number, findings: Findings): boolean {
    const byte = this.#starts.byteAt(bytes, at, end);
    if (byte === NOTHING || (byte !== UNTOLD && !this.#mayStandFor(byte, bytes, at))) return false;
    this.#searchFrom(bytes, at, end, findings);
    if (!this.#matcher.costsTooMuch) return false;
    findings.add(0, end);
    return true;
  }

  /** The bytes with which an escape may begin that counts. Apart are those with punctuation, so that `\"` is like none. */
  get pairs(): PairGroup[] {
    const counts = (introducer: number, byte: number): boolean =>
      this.#starts.byteAt(Buffer.of(introducer, byte), 0, 2) !== NOTHING;
    return INTRODUCERS.flatMap((introducer) =>
      [PUNCTUATION, OTHERS].map((bytes) => ({
        first: [introducer],
        second: bytes.filter((byte) => counts(introducer, byte)),
      })),
    ).filter(({ second }) => second.length > 0);
  }

  /** Adds the needles whose first escape is at `at`. */
  #searchFrom(bytes: Uint8Array, at: number, end: number, findings: Findings): void {
    const forms = this.#forms;
    readEscape(bytes, at, end, forms);
    for (let form = 0; form < forms.count; form += 1) {
      const word = forms.words[form] as number;
      const lead = leadOf(word);
      if (!this.#mayStandFor(lead, bytes, at)) continue;
      const next = at + (forms.lengths[form] as number);
      if (isLineEnd(word)) this.#addFolded(bytes, at, next, end, findings);
      for (const { needle, at: index } of this.#occurrencesOf(lead)) {
        const taken = bytesOfWordAt(word, needle, index);
        // The leftmost escape of a needle has nothing but plain characters before it.
        if (taken === 0 || index > at || !plainBefore(needle, index, bytes, at)) continue;
        const stop = this.#matchRest(needle, index + taken, bytes, next, end);
        if (stop > 0) findings.add(at - index, stop);
      }
    }
  }

  /**
   * Adds every needle that goes on behind the end of a long line, with no escape before that. `before`: so many encoded bytes stand
   * ahead of these.
   */
  searchLines(bytes: Buffer, before: number, findings: Findings): void {
    const end = bytes.length;
    if (!this.#folds || !bytes.includes(0x0a)) return;
    this.#matcher.startSearch(end);
    let at = longLineEnd(bytes, 0, end, before);
    while (at < end) {
      this.#addFolded(bytes, at, at + 1, end, findings);
      at = longLineEnd(bytes, at + 1, end, 0);
    }
    if (this.#matcher.costsTooMuch) findings.add(0, end);
  }

  /** Adds the folded needles of which some stands before `lineEnd` and the rest from `next` on. */
  #addFolded(bytes: Uint8Array, lineEnd: number, next: number, end: number, findings: Findings): void {
    if (lineEnd === 0) return;
    const last = bytes[lineEnd - 1] as number;
    if (!this.#mayStandAt(last, bytes, lineEnd - 1)) return;
    for (const { needle, at, folds } of this.#occurrencesOf(last)) {
      const index = at + 1;
      if (!folds || index > lineEnd || !plainBefore(needle, index, bytes, lineEnd)) continue;
      const stop = this.#matchRest(needle, index, bytes, next, end);
      if (stop > 0) findings.add(lineEnd - index, stop);
    }
  }

  /** Where the needle that goes on with `needle[index]` at `start` ends at the latest; 0 when it does not stand there whole. */
  #matchRest(needle: Uint8Array, index: number, bytes: Uint8Array, start: number, end: number): number {
    let furthest = 0;
    this.#readings.restart({ next: index, at: start });
    for (let place = this.#readings.next(); place !== undefined; place = this.#readings.next()) {
      if (this.#matcher.costsTooMuch) break;
      furthest = Math.max(furthest, this.#follow(needle, place, bytes, end));
    }
    return furthest;
  }

  #follow(needle: Uint8Array, place: Place, bytes: Uint8Array, end: number): number {
    const { lengths, takens } = this.#matcher;
    let { next, at } = place;
    while (next < needle.length) {
      const count = at < end ? this.#matcher.match(needle, next, bytes, at, end) : 0;
      if (count === 0) return 0;
      for (let other = 1; other < count; other += 1) {
        this.#readings.add({ next: next + (takens[other] as number), at: at + (lengths[other] as number) });
      }
      next += takens[0] as number;
      at += lengths[0] as number;
    }
    return at;
  }

  /** Whether an escape at `at` may stand for this byte of a needle, or for the end of a line in one, for all that stands before it. */
  #mayStandFor(byte: number, bytes: Uint8Array, at: number): boolean {
    if (this.#mayStandAt(byte, bytes, at)) return true;
    return isLineEnd(byte) && this.#folds && at > 0 && this.#mayStandAt(bytes[at - 1] as number, bytes, at - 1);
  }

  /** Whether a needle begins with this byte or has it behind the one that stands before `at`. */
  #mayStandAt(byte: number, bytes: Uint8Array, at: number): boolean {
    if (this.#firsts[byte] === 1) return true;
    if (at === 0) return false;
    const slot = pairSlot(bytes[at - 1] as number, byte);
    return (((this.#pairs[slot >> 5] as number) >>> (slot & 31)) & 1) === 1;
  }

  #occurrencesOf(byte: number): readonly Occurrence[] {
    const known = this.#occurrences.get(byte);
    if (known !== undefined) return known;
    const occurrences: Occurrence[] = [];
    for (const needle of this.#needles) {
      const isFolded = this.#matcher.isFolded(needle);
      for (let at = needle.indexOf(byte); at !== -1; at = needle.indexOf(byte, at + 1))
        occurrences.push({ needle, at, folds: isFolded && at + 1 < needle.length });
    }
    this.#occurrences.set(byte, occurrences);
    return occurrences;
  }
}

function pairSlot(one: number, other: number): number {
  return ((one << 5) ^ other) & (PAIR_SLOTS - 1);
}

function plainBefore(needle: Uint8Array, index: number, bytes: Uint8Array, at: number): boolean {
  for (let back = 1; back <= index; back += 1) {
    if (bytes[at - back] !== needle[index - back]) return false;
  }
  return true;
}
