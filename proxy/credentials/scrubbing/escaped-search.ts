import type { Findings } from './needle-set.ts';
import { ElementMatcher } from './element-matcher.ts';
import { createEscapeForms } from './escape-forms.ts';
import { ESCAPE_ALPHABET, readEscape } from './escapes.ts';
import { isLineEnd, longLineEnd } from './long-lines.ts';
import { type Place, Readings } from './readings.ts';
import { bytesOfWordAt, leadOf } from './utf8-word.ts';

/** Bytes read one by one after an introducer before the native search takes over: they come in swarms. */
const SWARM_BYTES = 256;

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
  /** 1: the byte may stand inside a needle, escaped or not. */
  readonly #alphabet = new Uint8Array(256);
  readonly #forms = createEscapeForms();
  readonly #matcher: ElementMatcher;
  readonly #readings = new Readings<Place>();
  /** Between the bytes of some needles a line may end. */
  readonly #folds: boolean;

  constructor(needles: readonly Uint8Array[], matcher = new ElementMatcher([])) {
    this.#needles = needles;
    this.#matcher = matcher;
    this.#folds = needles.some((needle) => matcher.isFolded(needle));
    for (const byte of ESCAPE_ALPHABET) this.#alphabet[byte] = 1;
    for (const needle of needles) {
      for (const byte of needle) this.#alphabet[byte] = 1;
    }
    if (!this.#folds) return;
    this.#alphabet[0x0a] = 1;
    this.#alphabet[0x0d] = 1;
  }

  /** Adds every needle in bytes[0, end) that holds at least one escape; all of them where that costs too much. */
  search(bytes: Buffer, end: number, findings: Findings): void {
    const forms = this.#forms;
    const cursor = new IntroducerCursor(bytes, end);
    this.#matcher.startSearch(end);
    for (let at = cursor.next(0); at < end && !this.#matcher.costsTooMuch; at = cursor.next(at + 1)) {
      readEscape(bytes, at, end, forms);
      for (let form = 0; form < forms.count; form += 1) {
        const word = forms.words[form] ?? 0;
        const lead = leadOf(word);
        if (this.#alphabet[lead] === 0) continue;
        if (isLineEnd(word)) this.#addFolded(bytes, at, at + (forms.lengths[form] ?? 0), end, findings);
        for (const { needle, at: index } of this.#occurrencesOf(lead)) {
          const taken = bytesOfWordAt(word, needle, index);
          // The leftmost escape of a needle has nothing but plain characters before it.
          if (taken === 0 || index > at || !plainBefore(needle, index, bytes, at)) continue;
          const stop = this.#matchRest(needle, index + taken, bytes, at + (forms.lengths[form] ?? 0), end);
          if (stop > 0) findings.add(at - index, stop);
        }
      }
    }
    if (this.#matcher.costsTooMuch) findings.add(0, end);
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
    for (const { needle, at, folds } of this.#occurrencesOf(bytes[lineEnd - 1] as number)) {
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

function plainBefore(needle: Uint8Array, index: number, bytes: Uint8Array, at: number): boolean {
  for (let back = 1; back <= index; back += 1) {
    if (bytes[at - back] !== needle[index - back]) return false;
  }
  return true;
}

/** Walks over the bytes that start an escape: native search over the deserts, byte by byte through the swarms. */
class IntroducerCursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  /** By slot; made when the first swarm is over. */
  #nextOf: [number, number, number] | undefined;

  constructor(bytes: Buffer, end: number) {
    this.#bytes = bytes;
    this.#end = end;
  }

  /** The first introducer at or behind `from`, or the end. */
  next(from: number): number {
    const bytes = this.#bytes;
    const swarmEnd = Math.min(this.#end, from + SWARM_BYTES);
    for (let at = from; at < swarmEnd; at += 1) {
      const byte = bytes[at] as number;
      if (byte === 0x5c || byte === 0x25 || byte === 0x26) return at;
    }
    if (swarmEnd === this.#end) return this.#end;
    return Math.min(this.#find(0, 0x25, swarmEnd), this.#find(1, 0x5c, swarmEnd), this.#find(2, 0x26, swarmEnd));
  }

  #find(slot: 0 | 1 | 2, byte: number, from: number): number {
    const nextOf = (this.#nextOf ??= [-1, -1, -1]);
    if (nextOf[slot] < from) {
      const at = this.#bytes.indexOf(byte, from);
      nextOf[slot] = at === -1 ? this.#end : Math.min(at, this.#end);
    }
    return nextOf[slot];
  }
}
