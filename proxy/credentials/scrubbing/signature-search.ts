import type { Secret } from '../../../common/secret.ts';
import { MAX_ESCAPE_BYTES } from './escape-forms.ts';
import { ESCAPE_ALPHABET, startsEscape } from './escapes.ts';
import type { Findings } from './needle-set.ts';
import { BLOCK_BYTES } from './cut-search.ts';
import { type Search, searchFor } from './secret-search.ts';

/** Between any two characters of base64 and hexadecimal a line may end. */
const LINE_ENDS = Buffer.from('\r\n');
/** All of a signature in hex, and of its escapes: their alphabet has the digits. */
const HEX: Alphabet = alphabetOf(Buffer.concat([LINE_ENDS, ESCAPE_ALPHABET]));
/** All of a signature in base64 and base64url, and of what either kind becomes when it is encoded once more. */
const LETTERS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-');
const BASE64: Alphabet = alphabetOf(Buffer.concat([LETTERS, LINE_ENDS, ESCAPE_ALPHABET]));
/** The same without escapes. */
const UNESCAPED: Alphabet = alphabetOf(Buffer.concat([LETTERS, LINE_ENDS]));

/** 1: the byte is in it. `wide`: with NUL, as wide characters have it. */
interface Alphabet {
  readonly narrow: Uint8Array;
  readonly wide: Uint8Array;
}

/** So many bytes of one alphabet in a row, of which there is no rendering without. */
interface Run {
  readonly alphabet: Alphabet;
  readonly length: number;
}

/**
 * The search for signatures, which serve one call: compiled for each, it would cost as much as all else that is done for the
 * call in this process. Few answers have so many bytes in a row that could be of a signature, and only those need it.
 */
export function searchForSignatures(signatures: readonly Secret[]): Search | undefined {
  if (signatures.length === 0) return undefined;
  const runs = signatures.map((signature) => runsOf(signature.reveal()));
  return runs.includes(undefined)
    ? searchFor(signatures)
    : new SignatureSearch(
        signatures,
        runs.flatMap((each) => each ?? []),
      );
}

/** Undefined for what is written otherwise. */
function runsOf(signature: string): readonly Run[] | undefined {
  const { length } = signature;
  if (/^[0-9a-f]+$/.test(signature)) {
    // Without what shares a character with its neighbours, in base64 it has two characters fewer than 4 for each 3.
    const encoded = { alphabet: BASE64, length: Math.floor((4 * length) / 3) - 2 };
    return [{ alphabet: HEX, length }, encoded];
  }
  return /^[A-Za-z0-9+/_-]+$/.test(signature) ? [{ alphabet: BASE64, length }] : undefined;
}

class SignatureSearch implements Search {
  readonly shortest: number;
  readonly #signatures: readonly Secret[];
  readonly #runs: readonly Run[];
  #search: Search | undefined;

  constructor(signatures: readonly Secret[], runs: readonly Run[]) {
    this.#signatures = signatures;
    this.#runs = runs;
    this.shortest = Math.min(...runs.map(({ length }) => length));
  }

  get longestBytes(): number {
    return this.#compiled?.longestBytes ?? 0;
  }

  search(bytes: Buffer, end: number, findings: Findings): void {
    if (this.#mayStandIn(bytes, end, 'narrow')) this.#compiled?.search(bytes, end, findings);
  }

  searchBody(bytes: Buffer, before: number, findings: Findings): void {
    if (this.#mayStandIn(bytes, bytes.length, 'wide')) this.#compiled?.searchBody(bytes, before, findings);
  }

  #mayStandIn(bytes: Uint8Array, end: number, width: keyof Alphabet): boolean {
    return this.#runs.some(({ alphabet, length }) => holdsRun(bytes, end, length, alphabet[width]));
  }

  rests(bytes: Buffer, findings: Findings): void {
    this.#compiled?.rests(bytes, findings);
  }

  pendingFrom(bytes: Uint8Array, end: number, least: number, before: number): number {
    const fewest = Math.max(1, Math.min(least, BLOCK_BYTES));
    if (end < fewest) return end;
    for (let at = end - fewest; at < end; at += 1) {
      if (UNESCAPED.wide[bytes[at] ?? 0] === 0 && !isEscaped(bytes, at)) return end;
    }
    return this.#compiled?.pendingFrom(bytes, end, least, before) ?? end;
  }

  get #compiled(): Search | undefined {
    return (this.#search ??= searchFor(this.#signatures));
  }
}

/** Whether bytes[0, end) has so many of this alphabet in a row. */
function holdsRun(bytes: Uint8Array, end: number, length: number, alphabet: Uint8Array): boolean {
  let outside = -1;
  // A run that begins behind `outside` covers the byte `length` further on; from there back to one that is outside again.
  while (outside + length < end) {
    let at = outside + length;
    while (at > outside && alphabet[bytes[at] as number] === 1) at -= 1;
    if (at === outside) return true;
    outside = at;
  }
  return false;
}

/** Whether the byte at `at` may be part of an escape. */
function isEscaped(bytes: Uint8Array, at: number): boolean {
  for (let from = at; from >= 0 && from > at - MAX_ESCAPE_BYTES; from -= 1) {
    if (startsEscape(bytes[from] ?? 0)) return true;
  }
  return false;
}

function alphabetOf(bytes: Uint8Array): Alphabet {
  const narrow = new Uint8Array(256);
  for (const byte of bytes) narrow[byte] = 1;
  const wide = Uint8Array.from(narrow);
  wide[0] = 1;
  return { narrow, wide };
}
