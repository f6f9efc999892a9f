import type { Findings } from './needle-set.ts';
import { createEscapeForms, MAX_ESCAPE_BYTES } from './escape-forms.ts';
import { ESCAPE_ALPHABET, readEscape, startsEscape } from './escapes.ts';
import { encodedBytesBefore, isEmptyLine, isLineEnd, longLineEnd, MIN_LINE_BYTES } from './long-lines.ts';
import { bytesOfWordAt, leadOf } from './utf8-word.ts';

/** Answers of `matchElement` beside a length. */
const NO_MATCH = 0;
const INCOMPLETE = -1;
/** Bytes read one by one after an introducer before the native search takes over: they come in swarms. */
const SWARM_BYTES = 256;

/** A place in a needle at which some byte stands. */
interface Occurrence {
  readonly needle: Uint8Array;
  readonly at: number;
}

/**
 * Finds needles of which any characters are escaped, in any mixture of the escapes of escapes.ts, or between whose characters lines
 * end; and prefixes of needles.
 */
export class EscapedSearch {
  readonly #needles: readonly Uint8Array[];
  readonly #longest: number;
  /** By byte; filled when an escape first stands for that byte, because most never do. */
  readonly #occurrences = new Map<number, readonly Occurrence[]>();
  /** 1: a needle, escaped or not, may start with this byte. */
  readonly #starts = new Uint8Array(256);
  /** 1: the byte may stand inside a needle, escaped or not. */
  readonly #alphabet = new Uint8Array(256);
  readonly #outer = createEscapeForms();
  readonly #inner = createEscapeForms();
  /** Needles between whose bytes a line may end. */
  readonly #folded: ReadonlySet<Uint8Array>;
  /** How many bytes of the needle the last matched element stood for; 0 for the end of a line. */
  #taken = 1;

  /** `folded`: those of the needles between whose bytes a line may end, which hold no such bytes themselves. */
  constructor(needles: readonly Uint8Array[], longest: number, folded: readonly Uint8Array[] = []) {
    this.#needles = needles;
    this.#folded = new Set(folded);
    this.#longest = longest;
    for (const needle of needles) {
      this.#starts[needle[0] ?? 0] = 1;
      for (let at = 0; at < needle.length; at += 1) this.#alphabet[needle[at] as number] = 1;
    }
    for (const byte of ESCAPE_ALPHABET) {
      this.#alphabet[byte] = 1;
      if (startsEscape(byte)) this.#starts[byte] = 1;
    }
    if (folded.length === 0) return;
    this.#alphabet[0x0a] = 1;
    this.#alphabet[0x0d] = 1;
  }

  /** Adds every needle in bytes[0, end) that holds at least one escape. */
  search(bytes: Buffer, end: number, findings: Findings): void {
    const forms = this.#outer;
    const cursor = new IntroducerCursor(bytes, end);
    for (let at = cursor.next(0); at < end; at = cursor.next(at + 1)) {
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
  }

  /**
   * Adds every needle that goes on behind the end of a long line, with no escape before that. `before`: so many encoded bytes stand
   * ahead of these.
   */
  searchLines(bytes: Buffer, before: number, findings: Findings): void {
    const end = bytes.length;
    if (this.#folded.size === 0 || !bytes.includes(0x0a)) return;
    let at = longLineEnd(bytes, 0, end, before);
    while (at < end) {
      this.#addFolded(bytes, at, at + 1, end, findings);
      at = longLineEnd(bytes, at + 1, end, 0);
    }
  }

  /** Adds the folded needles of which some stands before `lineEnd` and the rest from `next` on. */
  #addFolded(bytes: Uint8Array, lineEnd: number, next: number, end: number, findings: Findings): void {
    if (lineEnd === 0) return;
    for (const { needle, at } of this.#occurrencesOf(bytes[lineEnd - 1] as number)) {
      const index = at + 1;
      if (index > lineEnd || index === needle.length || !this.#folded.has(needle)) continue;
      if (!plainBefore(needle, index, bytes, lineEnd)) continue;
      const stop = this.#matchRest(needle, index, bytes, next, end);
      if (stop > 0) findings.add(lineEnd - index, stop);
    }
  }

  /**
   * The first place in bytes[0, end) from which a needle may go on behind `end`, with at least `minMatched` of its
   * characters here; `end` when there is none. `before`: so many encoded bytes stand ahead of these.
   */
  pendingFrom(bytes: Uint8Array, end: number, minMatched: number, before: number): number {
    const furthest = Math.max(0, end - this.#longest * MAX_ESCAPE_BYTES + 1);
    // So many plain bytes at the end are more than a needle has left, whatever stands before them.
    const near = end - this.#longest - MAX_ESCAPE_BYTES;
    let from = end;
    let lastIntroducer = -1;
    while (from > furthest && this.#alphabet[bytes[from - 1] as number] === 1) {
      if (from <= near && lastIntroducer === -1) break;
      from -= 1;
      const byte = bytes[from] as number;
      if (lastIntroducer === -1 && (startsEscape(byte) || isLineEnd(byte))) lastIntroducer = from;
    }
    for (let at = from; at < end; at += 1) {
      // Without an escape or the end of a line in it, a needle's prefix is shorter than the needle.
      if (at > lastIntroducer && end - at >= this.#longest) at = end - this.#longest + 1;
      if (this.#starts[bytes[at] as number] === 0) continue;
      for (const needle of this.#needles) {
        if (this.#prefixMatched(needle, bytes, at, end, before) >= minMatched) return at;
      }
    }
    return end;
  }

  /** The most bytes that a needle may take, all of it escaped, with an escape before it that was cut. */
  get longestBytes(): number {
    return (this.#longest + 1) * MAX_ESCAPE_BYTES;
  }

  /**
   * Adds what may be left of a needle whose beginning stood before `bytes`: at least `minMatched`
   * of its characters, up to its last one or to the last byte. Before it stands at most the rest of an escape.
   */
  rests(bytes: Uint8Array, minMatched: number, findings: Findings): void {
    const starts = Math.min(MAX_ESCAPE_BYTES, bytes.length);
    for (let start = 0; start < starts; start += 1) {
      const byte = bytes[start] as number;
      for (const needle of this.#needles) {
        for (let index = 1; index <= needle.length - minMatched; index += 1) {
          if (needle[index] !== byte && !startsEscape(byte)) continue;
          const stop = this.#restEnd(needle, index, bytes, start, minMatched);
          if (stop > 0) findings.add(start, stop);
        }
      }
    }
  }

  #restEnd(needle: Uint8Array, index: number, bytes: Uint8Array, start: number, minMatched: number): number {
    let at = start;
    for (let next = index; next < needle.length; next += this.#taken) {
      const length = at < bytes.length ? this.#matchElement(needle, next, bytes, at, bytes.length) : INCOMPLETE;
      if (length === INCOMPLETE) return next - index >= minMatched ? bytes.length : 0;
      if (length === NO_MATCH) return 0;
      at += length;
    }
    return at;
  }

  /** How many characters of the needle fill [start, end) exactly; -1 when they do not, or when the needle is whole. */
  #prefixMatched(needle: Uint8Array, bytes: Uint8Array, start: number, end: number, before: number): number {
    let at = start;
    let isFolded = false;
    for (let index = 0; index < needle.length; index += this.#taken) {
      if (at >= end) return index;
      const length = this.#matchElement(needle, index, bytes, at, end);
      if (length === INCOMPLETE) return index;
      if (length === NO_MATCH) return -1;
      // As in searchLines: an event or a line of text is not to wait for the next one.
      if (this.#taken === 0 && !isFolded) {
        if (isLineEnd(bytes[at] as number) && encodedBytesBefore(bytes, at, before) < MIN_LINE_BYTES) return -1;
        isFolded = true;
      }
      at += length;
    }
    return -1;
  }

  /** Where the needle that goes on with `needle[index]` at `start` ends; 0 when it does not stand there whole. */
  #matchRest(needle: Uint8Array, index: number, bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (let next = index; next < needle.length; next += this.#taken) {
      if (at >= end) return 0;
      let length = this.#matchElement(needle, next, bytes, at, end);
      if (length === INCOMPLETE) length = bytes[at] === needle[next] ? 1 : 0;
      if (length === NO_MATCH) return 0;
      at += length;
    }
    return at;
  }

  #occurrencesOf(byte: number): readonly Occurrence[] {
    const known = this.#occurrences.get(byte);
    if (known !== undefined) return known;
    const occurrences: Occurrence[] = [];
    for (const needle of this.#needles) {
      for (let at = needle.indexOf(byte); at !== -1; at = needle.indexOf(byte, at + 1))
        occurrences.push({ needle, at });
    }
    this.#occurrences.set(byte, occurrences);
    return occurrences;
  }

  /** How many bytes of input stand for `needle[index]`, and in `#taken` for how many of its followers as well. */
  #matchElement(needle: Uint8Array, index: number, bytes: Uint8Array, at: number, end: number): number {
    const byte = bytes[at] as number;
    this.#taken = 1;
    if (isLineEnd(byte) && index > 0 && this.#folded.has(needle)) {
      this.#taken = 0;
      // No writer leaves a line empty.
      return isEmptyLine(bytes, at) ? NO_MATCH : 1;
    }
    if (startsEscape(byte)) {
      const forms = this.#inner;
      readEscape(bytes, at, end, forms);
      for (let form = forms.count - 1; form >= 0; form -= 1) {
        const word = forms.words[form] ?? 0;
        const taken = bytesOfWordAt(word, needle, index);
        if (taken === 0 && !(isLineEnd(word) && index > 0 && this.#folded.has(needle))) continue;
        this.#taken = taken;
        return forms.lengths[form] ?? NO_MATCH;
      }
      if (forms.incomplete) return INCOMPLETE;
    }
    return byte === needle[index] ? 1 : NO_MATCH;
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
