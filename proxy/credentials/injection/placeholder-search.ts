import { EscapedSearch } from '../scrubbing/escaped-search.ts';
import { MAX_ESCAPE_BYTES } from '../scrubbing/escape-forms.ts';
import { type Findings, NeedleSet } from '../scrubbing/needle-set.ts';
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
/** How an escape for a character of the mark begins; most text has none of them, and they are found natively. */
const ESCAPE_STARTS = ['%', '\\u', '\\U', '\\x', '\\1', '&#'].map((text) => Buffer.from(text));
/** The most bytes in which something that is looked for stands whole. */
export const PLACEHOLDER_WINDOW = MARK.length * MAX_ESCAPE_BYTES;

const MARKS = new NeedleSet([MARK_BYTES, ...BASE64_MARKS.map((mark) => Buffer.from(mark))]);
const ESCAPED_MARK = new EscapedSearch([MARK_BYTES]);

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

/** What a search for the mark has come upon. */
class FoundMark implements Findings {
  form: PlaceholderForm | undefined;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  add(start: number): void {
    this.form ??= plainAt(this.#bytes, start) ?? base64At(this.#bytes, start);
  }
}

/** No writer of text escapes these characters unasked, so the mark alone is enough. */
class FoundEscaped implements Findings {
  form: PlaceholderForm | undefined;

  add(): void {
    this.form = 'encoded';
  }
}

/** The same for bytes. `readsEscapes`: they are text of a kind that has escapes. */
export function placeholderInBytes(bytes: Buffer, readsEscapes: boolean): PlaceholderForm | undefined {
  const found = new FoundMark(bytes);
  MARKS.search(bytes, bytes.length, found);
  if (found.form !== undefined || !readsEscapes) return found.form;
  if (!ESCAPE_STARTS.some((start) => bytes.includes(start))) return undefined;
  const escaped = new FoundEscaped();
  ESCAPED_MARK.search(bytes, bytes.length, escaped);
  return escaped.form;
}

function plainAt(bytes: Buffer, start: number): PlaceholderForm | undefined {
  return bytes[start] === MARK_BYTES[0] && PATTERN.test(bytes.toString('latin1', start, start + MIN_LENGTH))
    ? 'plain'
    : undefined;
}

function base64At(bytes: Buffer, start: number): PlaceholderForm | undefined {
  const run = bytes.toString('latin1', start, start + BASE64_RUN);
  const alignment = BASE64_MARKS.findIndex((mark) => run.startsWith(mark));
  if (alignment === -1) return undefined;
  const decoded = Buffer.from(`${BASE64_PADS[alignment] ?? ''}${run}`, 'base64').toString('latin1');
  return PATTERN_WITHOUT_FIRST.test(decoded) ? 'encoded' : undefined;
}

/** The text with its first placeholder replaced, when it is one of these; else undefined. */
export function substitute(text: string, placeholders: ReadonlySet<string>, by: string): string | undefined {
  const found = text.includes(MARK) ? PATTERN.exec(text) : null;
  if (found === null || !placeholders.has(found[0])) return undefined;
  return text.slice(0, found.index) + by + text.slice(found.index + found[0].length);
}
