import type { DocumentNode, Token } from 'graphql/language/ast.js';
import { TokenKind } from 'graphql/language/tokenKind.js';
import { Unreadable } from './unreadable.ts';

export function readsOtherwise(what: string): Unreadable {
  return new Unreadable(`servers may read its query in more than one way: ${what}`);
}

/** Of comments: what ends one for graphql-java (U+2028, U+2029), and what no lexer need expect there. */
const UNEXPECTED = /[^\t\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u;
/** Characters, and so tokens, that a reading may have more than its source. */
export const MAX_READ_AGAIN = 1_000;
/** Beside another quote, a backslash or an end of a block string. */
const JOINED_QUOTE = /(?:^|["\\])"|"$/;

/**
 * The text that graphql-go (Go) reads in the place of a parsed document, undefined: none, or this one. Where servers' lexers part from the
 * specification (section 2.1) in other ways, a document is not to be read at all: graphql-ruby ends no comment at CR, graph-gophers ends a
 * block string at an escaped quote, and those of before 2018 know none, so that its quotes open and close strings in a list.
 *
 * @throws Unreadable
 */
export function otherReading(source: string, { loc }: DocumentNode): string | undefined {
  if (/\r(?!\n)|\ufeff/.test(source)) throw readsOtherwise('it has a bare carriage return or a byte order mark');
  const reading = new GoReading(source);
  let last: Token | undefined;
  for (let token = loc?.startToken; token; token = token.next ?? undefined) {
    if (token.kind === TokenKind.COMMENT) {
      if (UNEXPECTED.test(token.value)) throw readsOtherwise('it has a control character in a comment');
      continue;
    }
    if (token.kind === TokenKind.BLOCK_STRING) assertPlainQuotes(source.slice(token.start + 3, token.end - 3), last);
    if (token.kind === TokenKind.NAME) reading.takeName(last?.end ?? 0, token.end);
    last = token;
  }
  return reading.text();
}

function assertPlainQuotes(text: string, last: Token | undefined): void {
  if (!text.includes('"')) return;
  const isValueOfName = last?.kind === TokenKind.COLON || last?.kind === TokenKind.EQUALS;
  if (!isValueOfName || JOINED_QUOTE.test(text))
    throw readsOtherwise('it has a quote in a block string beside another, a backslash or its end, or in a list');
}

/**
 * graphql-go (Go) counts bytes but for names behind comments, where it counts characters: behind such a name it reads on too early, by as
 * many bytes as the comments have more of.
 */
class GoReading {
  readonly #source: string;
  #text = '';
  /** So far the source is in the text. */
  #at = 0;
  #isRefused = false;
  #again = 0;

  constructor(source: string) {
    this.#source = source;
  }

  takeName(lastEnd: number, end: number): void {
    const bytes = Buffer.from(this.#source.slice(lastEnd, end));
    const more = bytes.length - [...bytes.toString()].length;
    if (more === 0) return;
    const again = bytes.toString('latin1', bytes.length - more);
    const isPlain = /^[\w \t\r\n,]*$/.test(again);
    if (isPlain) this.#again += more;
    if (isPlain && this.#again <= MAX_READ_AGAIN) {
      this.#text += `${this.#source.slice(this.#at, end)} ${again}`;
      this.#at = end;
    } else if (/^[^"#]*[\x80-\xff]/.test(again)) this.#isRefused = true;
    else throw readsOtherwise('it has a comment beyond ASCII that ends like GraphQL');
  }

  text(): string | undefined {
    return this.#at === 0 || this.#isRefused ? undefined : this.#text + this.#source.slice(this.#at);
  }
}
