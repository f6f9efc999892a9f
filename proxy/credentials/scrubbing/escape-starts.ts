import { MAX_BACKSLASHES } from './backslash-escapes.ts';
import { createEscapeForms, hexDigit, readHex } from './escape-forms.ts';
import { namedBytes, readEscape, startsEscape } from './escapes.ts';
import { leadOf, utf8Word } from './utf8-word.ts';

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const AMPERSAND = 0x26;
const SMALL_U = 0x75;

/** What `byteAt` tells beside a byte: that none which counts is there; that the whole escape must be read. */
export const NOTHING = -1;
export const UNTOLD = -2;

/** What the first bytes of an escape tell of what it stands for: of most escapes, that nobody looks for it. */
export class EscapeStarts {
  readonly #counts: Uint8Array;
  readonly #countsBeyondAscii: boolean;
  /** By `slotOf`. */
  readonly #told: Int16Array;

  /** `counts`: 1 for the bytes that are looked for. */
  constructor(counts: Uint8Array) {
    this.#counts = counts;
    this.#countsBeyondAscii = counts.includes(1, 0x80);
    const { told, bytesOf } = (known ??= makeStarts());
    this.#told = told.slice();
    for (const [slot, bytes] of bytesOf) {
      const counting = bytes.filter((byte) => counts[byte] === 1);
      if (counting.length > 0) this.#told[slot] = counting.length > 1 ? UNTOLD : (counting[0] as number);
    }
  }

  /** The only byte that counts of those with which what the escape at `at` stands for may begin; NOTHING or UNTOLD. */
  byteAt(bytes: Uint8Array, at: number, end: number): number {
    if (at + 1 >= end) return NOTHING;
    const told = this.#told[slotOf(bytes[at] as number, bytes[at + 1] as number)] as number;
    return told !== UNTOLD || at + 2 >= end ? told : this.#readOn(bytes, at, end);
  }

  /** By more than two bytes. A function of its own, so that what decides on most escapes is small enough to be compiled into its caller. */
  #readOn(bytes: Uint8Array, at: number, end: number): number {
    const second = bytes[at + 1] as number;
    if (bytes[at] === PERCENT) return this.#encodedBy(second, bytes[at + 2] as number);
    if (second === SMALL_U) return this.#unitAt(bytes, at + 2, end);
    return second === BACKSLASH && this.#counts[BACKSLASH] !== 1 ? this.#behindBackslashes(bytes, at, end) : UNTOLD;
  }

  /** Of what these two digits are in percent-encoding: a byte, or the character of Latin-1 with that code. */
  #encodedBy(high: number, low: number): number {
    const value = (hexDigit(high) << 4) | hexDigit(low);
    // No digits, or the beginning of another escape.
    if (value < 0 || startsEscape(value)) return UNTOLD;
    if (value >= 0x80 && this.#countsBeyondAscii) return UNTOLD;
    return this.#counts[value] === 1 ? value : NOTHING;
  }

  /** Of up to four backslashes, which stand for nothing that counts: of what they introduce together. */
  #behindBackslashes(bytes: Uint8Array, at: number, end: number): number {
    let letterAt = at + 2;
    while (letterAt < at + MAX_BACKSLASHES && letterAt < end && bytes[letterAt] === BACKSLASH) letterAt += 1;
    if (letterAt >= end) return UNTOLD;
    const letter = bytes[letterAt] as number;
    return letter === BACKSLASH ? NOTHING : (this.#told[slotOf(BACKSLASH, letter)] as number);
  }

  /** The same of a UTF-16 code unit in four digits; halves of a character are read whole. */
  #unitAt(bytes: Uint8Array, at: number, end: number): number {
    const unit = readHex(bytes, at, 4, end);
    if (unit < 0 || (unit >= 0xd800 && unit <= 0xdfff)) return UNTOLD;
    const lead = leadOf(utf8Word(unit));
    return this.#counts[lead] === 1 ? lead : NOTHING;
  }
}

/** By `slotOf` their first two bytes, with what escapes may begin. */
interface Starts {
  /** UNTOLD where it takes more to tell, else NOTHING. */
  readonly told: Int16Array;
  readonly bytesOf: ReadonlyMap<number, readonly number[]>;
}

let known: Starts | undefined;

function slotOf(introducer: number, second: number): number {
  return ((introducer & 3) << 8) | second;
}

function makeStarts(): Starts {
  const forms = createEscapeForms();
  const told = new Int16Array(3 << 8).fill(NOTHING);
  const bytesOf = new Map<number, readonly number[]>();
  for (const introducer of [PERCENT, BACKSLASH, AMPERSAND]) {
    for (let second = 0; second < 256; second += 1) {
      readEscape(Buffer.of(introducer, second), 0, 2, forms);
      const slot = slotOf(introducer, second);
      const whole = Array.from(forms.words.subarray(0, forms.count), leadOf);
      const bytes = forms.incomplete ? namedBytes(introducer, second) : whole;
      if (bytes === undefined) told[slot] = UNTOLD;
      else if (bytes.length > 0) bytesOf.set(slot, bytes);
    }
  }
  return { told, bytesOf };
}
