import { createEscapeForms, type EscapeForms, MAX_FORMS } from './escape-forms.ts';
import { readEscape, startsEscape } from './escapes.ts';
import { isEmptyLine, isLineEnd } from './long-lines.ts';
import { bytesOfWordAt, leadOf } from './utf8-word.ts';

/** Answers of `escapeBytes` beside a length. */
export const NO_ESCAPE = 0;
export const INCOMPLETE = -1;

/** A search reads so many characters at most, which usual secrets never need. */
const STEPS_PER_BYTE = 32;
const STEPS_BEFORE = 4096;

/** Reads input as the characters of needles: plain, escaped (escapes.ts), or behind the end of a line. */
export class ElementMatcher {
  readonly #forms: EscapeForms = createEscapeForms();
  /** Needles between whose bytes a line may end. */
  readonly #folded: ReadonlySet<Uint8Array>;
  /** By reading of `match`: how many bytes of input it takes. */
  readonly lengths = new Uint8Array(MAX_FORMS + 1);
  /** By reading of `match`: how many bytes of the needle it stands for; 0 for the end of a line. */
  readonly takens = new Uint8Array(MAX_FORMS + 1);
  /** Whether the input ended in what `match` read: what follows may make it an escape, or another one. */
  isCut = false;
  #steps = 0;
  #most = 0;

  constructor(folded: readonly Uint8Array[]) {
    this.#folded = new Set(folded);
  }

  /** Before a search of so many bytes. */
  startSearch(bytes: number): void {
    this.#steps = 0;
    this.#most = STEPS_BEFORE + STEPS_PER_BYTE * bytes;
  }

  /** Secrets of little but escape characters may be read in input of as many in thousands of ways. */
  get costsTooMuch(): boolean {
    return this.#steps > this.#most;
  }

  isFolded(needle: Uint8Array): boolean {
    return this.#folded.has(needle);
  }

  /** In how many ways, told by `lengths` and `takens`, what stands at `at` may be read as `needle[index]` and its followers. */
  match(needle: Uint8Array, index: number, bytes: Uint8Array, at: number, end: number): number {
    this.#steps += 1;
    const byte = bytes[at] as number;
    const folds = index > 0 && this.#folded.has(needle);
    this.isCut = false;
    let count = 0;
    if (startsEscape(byte)) {
      const forms = this.#read(bytes, at, end);
      this.isCut = forms.incomplete;
      for (let form = 0; form < forms.count; form += 1) {
        const word = forms.words[form] as number;
        const taken = bytesOfWordAt(word, needle, index);
        if (taken > 0 || (folds && isLineEnd(word))) count = this.#add(count, forms.lengths[form] as number, taken);
      }
    }
    if (byte === needle[index]) return this.#add(count, 1, 1);
    // No writer leaves a line empty.
    return folds && isLineEnd(byte) && !isEmptyLine(bytes, at) ? this.#add(count, 1, 0) : count;
  }

  #add(count: number, length: number, taken: number): number {
    this.lengths[count] = length;
    this.takens[count] = taken;
    return count + 1;
  }

  /** Whether what stands at `at`, escaped or not, may be one of these bytes (1). */
  mayBeOf(table: Uint8Array, bytes: Uint8Array, at: number, end: number): boolean {
    const byte = bytes[at] as number;
    if (table[byte] === 1) return true;
    if (!startsEscape(byte)) return false;
    const { words, count, incomplete } = this.#read(bytes, at, end);
    for (let form = 0; form < count; form += 1) {
      if (table[leadOf(words[form] ?? 0)] === 1) return true;
    }
    return incomplete;
  }

  /** All bytes that what stands at `at` may be; undefined where the input ends before it is told. */
  bytesAt(bytes: Uint8Array, at: number, end: number): readonly number[] | undefined {
    const byte = bytes[at] as number;
    if (!startsEscape(byte)) return [byte];
    const { words, count, incomplete } = this.#read(bytes, at, end);
    return incomplete ? undefined : [byte, ...Array.from(words.subarray(0, count), leadOf)];
  }

  /** How many bytes of input the longest escape at `at` takes; NO_ESCAPE where there is none. */
  escapeBytes(bytes: Uint8Array, at: number, end: number): number {
    if (!startsEscape(bytes[at] as number)) return NO_ESCAPE;
    const { lengths, count, incomplete } = this.#read(bytes, at, end);
    if (incomplete) return INCOMPLETE;
    let longest = NO_ESCAPE;
    for (let form = 0; form < count; form += 1) longest = Math.max(longest, lengths[form] ?? 0);
    return longest;
  }

  #read(bytes: Uint8Array, at: number, end: number): EscapeForms {
    readEscape(bytes, at, end, this.#forms);
    return this.#forms;
  }
}
