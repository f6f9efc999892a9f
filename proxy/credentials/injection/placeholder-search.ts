import { eachPair, type PairGroup, type PairLister, pairLister } from '../pair-list.ts';
import { EscapedSearch } from '../scrubbing/escaped-search.ts';
import { MAX_ESCAPE_BYTES } from '../scrubbing/escape-forms.ts';
import { startsEscape } from '../scrubbing/escapes.ts';
import { type Findings, standsAt } from '../scrubbing/needle-set.ts';
import { innerBase64 } from '../scrubbing/renderings.ts';

const MARK = 'sk_placeholder_';
const MARK_BYTES = Buffer.from(MARK);
const MIN_RANDOM = 22;
const MIN_LENGTH = MARK.length + MIN_RANDOM;
const PATTERN = /sk_placeholder_[A-Za-z0-9_-]{22,}/;
/** The mark in base64, by how many bytes stand in front of it in its group of three (RFC 4648 section 4). */
const BASE64_MARKS = [0, 1, 2].map((alignment) => innerBase64(MARK_BYTES, alignment));
/** Characters that make up a group with the mark's own: what the alignment takes away at its beginning. */
const BASE64_PADS = ['', 'AA', 'AAA'];
/** What is seen of one there: bits of its first character stand in front of the first whole character of base64. */
const PATTERN_WITHOUT_FIRST = new RegExp(PATTERN.source.slice(1));
const ANY_BASE64_MARK = new RegExp(BASE64_MARKS.join('|'));
/** Characters of base64 from the mark on in which a whole placeholder stands, whatever its alignment. */
const BASE64_RUN = Math.ceil(((MIN_LENGTH + 2) * 8) / 6);
/** Nobody reads character references in a head. */
const AN_ESCAPE = /[%\\]/;
/** The most bytes in which something that is looked for stands whole. */
export const PLACEHOLDER_WINDOW = MARK.length * MAX_ESCAPE_BYTES;

const ESCAPED_MARK = new EscapedSearch([MARK_BYTES]);

/** In the mark, and in it in base64 by alignment: two bytes that are rare in text and in numbers. */
const MARK_PAIRS: readonly PairGroup[] = [
  { first: Buffer.from('_'), second: Buffer.from('p') },
  { first: Buffer.from('X'), second: Buffer.from('3') },
  { first: Buffer.from('29'), second: Buffer.from('tw') },
];

interface Mark {
  readonly bytes: Buffer;
  /** Where in it its pair stands. */
  readonly pairAt: number;
  /** How the placeholder stands whose mark begins there, if it is one. */
  readonly read: (bytes: Buffer, start: number) => PlaceholderForm | undefined;
}

const MARKS: readonly Mark[] = [
  { bytes: MARK_BYTES, pairAt: 2, read: plainAt },
  ...BASE64_MARKS.map((mark, alignment) => ({
    bytes: Buffer.from(mark),
    pairAt: [1, 2, 3][alignment] ?? 0,
    read: (bytes: Buffer, start: number) => base64At(bytes, start, alignment),
  })),
];

/** `encoded`: in base64, or with percent signs, backslashes or character references in it. */
export type PlaceholderForm = 'plain' | 'encoded';

/** How a placeholder stands in this text, whoever's it is; undefined: not at all. */
export function placeholderIn(text: string): PlaceholderForm | undefined {
  // Most values are shorter, and this is asked for every field of every request.
  if (text.length < MIN_LENGTH) return undefined;
  if (text.includes(MARK) && PATTERN.test(text)) return 'plain';
  if (!ANY_BASE64_MARK.test(text) && !AN_ESCAPE.test(text)) return undefined;
  const bytes = Buffer.from(text, 'latin1');
  return placeholderInBytes(bytes, true);
}

/** No writer of text escapes these characters unasked, so the mark alone is enough. */
class FoundEscaped implements Findings {
  form: PlaceholderForm | undefined;

  add(): void {
    this.form = 'encoded';
  }
}

/** Looks where marks may stand, plain or escaped. */
class Search {
  readonly #bytes: Buffer;
  readonly #escaped: FoundEscaped | undefined;
  #form: PlaceholderForm | undefined;

  constructor(bytes: Buffer, readsEscapes: boolean) {
    this.#bytes = bytes;
    if (readsEscapes) this.#escaped = new FoundEscaped();
    ESCAPED_MARK.begin(bytes.length);
  }

  get form(): PlaceholderForm | undefined {
    return this.#form ?? this.#escaped?.form;
  }

  lookAt(at: number): void {
    const bytes = this.#bytes;
    if (startsEscape(bytes[at] as number)) {
      if (this.#escaped !== undefined && this.#escaped.form === undefined)
        ESCAPED_MARK.searchAt(bytes, at, bytes.length, this.#escaped);
      return;
    }
    for (const { bytes: mark, pairAt, read } of MARKS) {
      if (bytes[at] === mark[pairAt] && standsAt(mark, bytes, at - pairAt)) this.#form ??= read(bytes, at - pairAt);
    }
  }
}

let lister: PairLister | undefined;

/** Of the marks' pairs, and of those with which an escape of a character of the mark may begin. */
function markLister(): PairLister {
  return (lister ??= pairLister([...ESCAPED_MARK.pairs, ...MARK_PAIRS]));
}

/** The same for bytes. `readsEscapes`: they are text of a kind that has escapes. */
export function placeholderInBytes(bytes: Buffer, readsEscapes: boolean): PlaceholderForm | undefined {
  const search = new Search(bytes, readsEscapes);
  eachPair(markLister(), bytes, (at) => search.lookAt(at));
  return search.form;
}

function plainAt(bytes: Buffer, start: number): PlaceholderForm | undefined {
  return PATTERN.test(bytes.toString('latin1', start, start + MIN_LENGTH)) ? 'plain' : undefined;
}

function base64At(bytes: Buffer, start: number, alignment: number): PlaceholderForm | undefined {
  const run = bytes.toString('latin1', start, start + BASE64_RUN);
  const decoded = Buffer.from(`${BASE64_PADS[alignment] ?? ''}${run}`, 'base64').toString('latin1');
  return PATTERN_WITHOUT_FIRST.test(decoded) ? 'encoded' : undefined;
}

/** The text with its first placeholder replaced, when it is one of these; else undefined. */
export function substitute(text: string, placeholders: ReadonlySet<string>, by: string): string | undefined {
  const found = text.includes(MARK) ? PATTERN.exec(text) : null;
  if (found === null || !placeholders.has(found[0])) return undefined;
  return text.slice(0, found.index) + by + text.slice(found.index + found[0].length);
}
