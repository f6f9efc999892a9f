import { createEscapeForms, type EscapeForms } from './escape-forms.ts';
import { readEscape, startsEscape } from './escapes.ts';
import { isEmptyLine, isLineEnd } from './long-lines.ts';
import { bytesOfWordAt, leadOf } from './utf8-word.ts';

/** Answers of `match` beside a length. */
export const NO_MATCH = 0;
export const INCOMPLETE = -1;

/** Reads input as the characters of needles: plain, escaped (escapes.ts), or behind the end of a line. */
export class ElementMatcher {
  readonly #forms: EscapeForms = createEscapeForms();
  /** Needles between whose bytes a line may end. */
  readonly #folded: ReadonlySet<Uint8Array>;
  /** How many bytes of the needle the last matched element stood for; 0 for the end of a line. */
  taken = 1;
  /** Whether that element was an escape that the input's end may have cut short: what follows may make it another one. */
  mayBeLonger = false;

  constructor(folded: readonly Uint8Array[]) {
    this.#folded = new Set(folded);
  }

  isFolded(needle: Uint8Array): boolean {
    return this.#folded.has(needle);
  }

  /** How many bytes of input stand for `needle[index]`, and in `taken` for how many of its followers as well. */
  match(needle: Uint8Array, index: number, bytes: Uint8Array, at: number, end: number): number {
    const byte = bytes[at] as number;
    this.taken = 1;
    this.mayBeLonger = false;
    if (isLineEnd(byte) && index > 0 && this.#folded.has(needle)) {
      this.taken = 0;
      // No writer leaves a line empty.
      return isEmptyLine(bytes, at) ? NO_MATCH : 1;
    }
    if (startsEscape(byte)) {
      const forms = this.#read(bytes, at, end);
      for (let form = forms.count - 1; form >= 0; form -= 1) {
        const word = forms.words[form] ?? 0;
        const taken = bytesOfWordAt(word, needle, index);
        if (taken === 0 && !(isLineEnd(word) && index > 0 && this.#folded.has(needle))) continue;
        this.taken = taken;
        this.mayBeLonger = forms.incomplete;
        return forms.lengths[form] ?? NO_MATCH;
      }
      if (forms.incomplete) return INCOMPLETE;
    }
    return byte === needle[index] ? 1 : NO_MATCH;
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

  /** How many bytes of input the longest escape at `at` takes; NO_MATCH where there is none. */
  escapeBytes(bytes: Uint8Array, at: number, end: number): number {
    if (!startsEscape(bytes[at] as number)) return NO_MATCH;
    const { lengths, count, incomplete } = this.#read(bytes, at, end);
    if (incomplete) return INCOMPLETE;
    let longest = NO_MATCH;
    for (let form = 0; form < count; form += 1) longest = Math.max(longest, lengths[form] ?? 0);
    return longest;
  }

  #read(bytes: Uint8Array, at: number, end: number): EscapeForms {
    readEscape(bytes, at, end, this.#forms);
    return this.#forms;
  }
}
