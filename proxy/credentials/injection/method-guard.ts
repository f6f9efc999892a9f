import type { HeaderList } from '../../protocols/header-list.ts';
import { eachPair, type PairGroup, type PairLister, pairLister } from '../pair-list.ts';
import { parameterNames } from '../parameter-name.ts';
import { type BodyTransform, chainTransforms } from '../body-transform.ts';
import { InjectionError } from '../injection-error.ts';

/** Fields in which bodies say another method than theirs to Rails, Laravel, Symfony and others, which take it from POST alone. */
const FIELD = '_method';
/** The same to ASP.NET, of forms; and another path to WordPress. */
const FIELDS_OF_FORMS = [FIELD, 'x-http-method-override', 'rest_route'] as const;
/** Of a name without it no reading is one of these: letters are read as themselves, whatever their case, if not written otherwise. */
const TELLING = /method|route|[%\x80-\xff]/i;
/** A longer name is another one, even with every character of it encoded; what is behind an index or a NUL does not matter. */
const MAX_NAME_BYTES = 192;
/** What some servers leave out in front of a name, however much of it there is. */
const IN_FRONT = /^(?:[+\s[\]]|%20|%5b|%5d)+/i;
/** Of multipart. Rack leaves out a backslash in front of any character. */
const NAMES_IN_MULTIPART = ['[_.] method', 'x-http-method-override', 'rest [_.\\s[\\]] route']
  .map((name) => name.split(' ').flatMap((part) => (part.startsWith('[') ? part : [...part])))
  .map((chars) => chars.join('\\\\?'))
  .join('|');
/**
 * Brackets and blanks in front are left out, and "." is "_", as in parameter names; PHP takes single quotes too. A run of
 * blanks fits one place of the pattern alone, so that it is gone through once.
 */
const IN_MULTIPART = new RegExp(String.raw`name\s*=\s*(?:["'[\]\\][\s[\]\\]*)?(?:${NAMES_IN_MULTIPART})\b`, 'i');
/**
 * A name that may be any: encoded or in pieces (RFC 2231, which Go, Django and Flask read), or an encoded word (RFC 2047, which
 * Tomcat reads). Clients send names as they are (RFC 7578 section 5.1).
 */
const ENCODED_IN_MULTIPART = /;\s*name(?:\*|\s*=\s*(?:["']\s*)?=\?)/i;
/** A key of any depth: within a string its quotes would be escaped. Laravel takes fields from JSON as from forms. */
const FIELD_IN_JSON = `"${[...FIELD].map(orEscaped).join('')}"`;
const IN_JSON = new RegExp(`${FIELD_IN_JSON}\\s*:`, 'i');
const KEY_IN_JSON = new RegExp(`^${FIELD_IN_JSON}`, 'i');
const MAX_KEY_BYTES = 2 + FIELD.length * '\\u005f'.length;
/**
 * How it begins, behind its quote: the underscore with what may follow it, or the end of its escape. Seldom in text; of what begins
 * with a digit, a part is looked for first that begins with a rarer one.
 */
const STARTS_IN_JSON: readonly (readonly Buffer[])[] = [['_m'], ['_M'], ['_\\'], ['5f', '005f'], ['5F', '005F']].map(
  (texts) => texts.map((text) => Buffer.from(text)),
);
/** With its quote, where there are such; and what comes then. */
const KEY_STARTS: readonly PairGroup[] = [{ first: Buffer.from('"'), second: Buffer.from('_\\') }];
const BEHIND_STARTS: ReadonlySet<number> = new Set(Buffer.from('mM\\uU'));
const SKIPPED = /[\s[\]\\]/;
const RUN_SKIPPED = /([\s[\]\\])[\s[\]\\]+/g;
const SEAM_CHARS = 128;
const [AMPERSAND, SEMICOLON, EQUALS] = [0x26, 0x3b, 0x3d];
/** Of a byte: it ends a name. Flags: it may stand for another; which of the letters of `method` and `route` it is. */
const ENDS = 1;
const STANDS_FOR_OTHERS = 2;
const LETTERS = 'methodru';
const KINDS = Uint16Array.from({ length: 256 }, (_, byte) => {
  if ([AMPERSAND, SEMICOLON, EQUALS].includes(byte)) return ENDS;
  if (byte === 0x25 || byte >= 0x80) return STANDS_FOR_OTHERS;
  const letter = LETTERS.indexOf(String.fromCharCode(byte).toLowerCase());
  return letter === -1 ? 0 : 4 << letter;
});
const [METHOD = 0, ROUTE = 0] = ['method', 'route'].map((word) =>
  Buffer.from(word).reduce((kinds, byte) => kinds | (KINDS[byte] as number), 0),
);
const NEAR_BYTES = 32;
const NOTHING_REMOVED: readonly string[] = [];

/**
 * Lets a body pass that does not name another method or path than those decided on; undefined: it is of no such type. What
 * a parameter of the type mentions counts as well: servers differ in where they look.
 */
export function methodGuardFor(method: string, headers: HeaderList): BodyTransform | undefined {
  if (method !== 'POST') return undefined;
  const types = headers.getAll('content-type').join().toLowerCase();
  let guard: BodyTransform | undefined;
  // Rack takes a body of no type for a form.
  if (types === '' || types.includes('x-www-form-urlencoded')) guard = new FormGuard();
  if (types.includes('multipart/'))
    guard = chainTransforms(guard, new PatternGuard(IN_MULTIPART, { hidden: ENCODED_IN_MULTIPART }));
  return types.includes('json') ? chainTransforms(guard, new PatternGuard(IN_JSON, { mayHold: mayHoldKey })) : guard;
}

class FormGuard implements BodyTransform {
  readonly removed = NOTHING_REMOVED;
  /** Of the name under way; undefined in a value, and once it is known to be another. */
  #name: string | undefined = '';

  push(bytes: Buffer): Buffer[] {
    const separators = new Separators(bytes);
    for (let at = 0; at < bytes.length; ) {
      if (this.#name === undefined) at = separators.next(at);
      else at = this.#readName(this.#name, bytes, at);
      const byte = bytes[at];
      if (byte !== AMPERSAND && byte !== SEMICOLON) continue;
      this.#endName();
      this.#name = '';
      at += 1;
    }
    return [bytes];
  }

  end(): Buffer[] {
    this.#endName();
    return [];
  }

  /** Up to its end, or until it has one character more than a name may have; answers where that is. */
  #readName(name: string, bytes: Buffer, from: number): number {
    const until = Math.min(bytes.length, from + MAX_NAME_BYTES + 1 - name.length);
    let at = from;
    let kinds = 0;
    for (; at < until; at += 1) {
      const kind = KINDS[bytes[at] as number] as number;
      if (kind === ENDS) break;
      kinds |= kind;
    }
    const isWhole = name === '' && at < until;
    if (isWhole && !mayTell(kinds)) {
      this.#name = undefined;
      return at;
    }
    const longer = name + bytes.toString('latin1', from, at);
    this.#name = longer.length > MAX_NAME_BYTES ? longer.replace(IN_FRONT, '') : longer;
    if (this.#name.length > MAX_NAME_BYTES || bytes[at] === EQUALS) this.#endName();
    return at;
  }

  #endName(): void {
    const names = this.#name === undefined || !TELLING.test(this.#name) ? [] : parameterNames(this.#name);
    if (FIELDS_OF_FORMS.some((field) => names.includes(field))) throw overridden();
    this.#name = undefined;
  }
}

/** Whether TELLING may find something in a name of such bytes. */
function mayTell(kinds: number): boolean {
  return (kinds & STANDS_FOR_OTHERS) !== 0 || (kinds & METHOD) === METHOD || (kinds & ROUTE) === ROUTE;
}

/** Where fields are parted: by a look at what is near, as most values are short, then natively. */
class Separators {
  readonly #bytes: Buffer;
  #ampersand = -1;
  #semicolon = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next one from here on; the length when there is none. */
  next(from: number): number {
    const bytes = this.#bytes;
    const near = Math.min(bytes.length, from + NEAR_BYTES);
    for (let at = from; at < near; at += 1) if (bytes[at] === AMPERSAND || bytes[at] === SEMICOLON) return at;
    if (this.#ampersand < near) this.#ampersand = this.#find(AMPERSAND, near);
    if (this.#semicolon < near) this.#semicolon = this.#find(SEMICOLON, near);
    return Math.min(this.#ampersand, this.#semicolon);
  }

  #find(byte: number, from: number): number {
    const at = this.#bytes.indexOf(byte, from);
    return at === -1 ? this.#bytes.length : at;
  }
}

/** For what is found without parsing. */
class PatternGuard implements BodyTransform {
  readonly removed = NOTHING_REMOVED;
  readonly #pattern: RegExp;
  readonly #hidden: RegExp | undefined;
  readonly #mayHold: ((bytes: Buffer) => boolean) | undefined;
  #seam = '';

  /** `mayHold`: false where there is not even the beginning, of SEAM_CHARS at most, of what the pattern finds. */
  constructor(pattern: RegExp, also: { readonly hidden?: RegExp; readonly mayHold?: (bytes: Buffer) => boolean }) {
    this.#pattern = pattern;
    this.#hidden = also.hidden;
    this.#mayHold = also.mayHold;
  }

  push(bytes: Buffer): Buffer[] {
    if (bytes.length > SEAM_CHARS && this.#isClean(bytes)) {
      this.#seam = bytes.toString('latin1', bytes.length - SEAM_CHARS);
      return [bytes];
    }
    const text = this.#seam + bytes.toString('latin1');
    if (this.#pattern.test(text)) throw overridden();
    if (this.#hidden?.test(text) === true) throw hidden();
    this.#seam = seamOf(text);
    return [bytes];
  }

  end(): Buffer[] {
    return [];
  }

  #isClean(bytes: Buffer): boolean {
    if (this.#mayHold === undefined || this.#mayHold(bytes)) return false;
    return (
      this.#seam === '' || !this.#mayHold(Buffer.from(this.#seam + bytes.toString('latin1', 0, SEAM_CHARS), 'latin1'))
    );
  }
}

let keyLister: PairLister | undefined;

/** Whether a key that IN_JSON finds stands here, be it without its colon. */
function mayHoldKey(bytes: Buffer): boolean {
  if (!STARTS_IN_JSON.some((start) => start.every((part) => bytes.includes(part)))) return false;
  let holds = false;
  eachPair((keyLister ??= pairLister(KEY_STARTS)), bytes, (at) => {
    if (!BEHIND_STARTS.has(bytes[at + 2] ?? 0)) return;
    holds ||= KEY_IN_JSON.test(bytes.toString('latin1', at, at + MAX_KEY_BYTES));
  });
  return holds;
}

/** So many of the last characters; all that a pattern skips in one go goes with the one behind it, and is kept as one. */
function seamOf(text: string): string {
  let at = text.length;
  for (let left = SEAM_CHARS; at > 0 && left > 0; left -= 1) {
    at -= 1;
    while (SKIPPED.test(text.charAt(at - 1))) at -= 1;
  }
  return text.slice(at).replaceAll(RUN_SKIPPED, '$1');
}

function orEscaped(char: string): string {
  return `(?:${char}|\\\\u00${char.charCodeAt(0).toString(16)})`;
}

function overridden(): InjectionError {
  return new InjectionError(
    'method-refused',
    'the body names another method or path, as in _method: send them in the request line',
  );
}

function hidden(): InjectionError {
  return new InjectionError(
    'method-refused',
    'the name of a field is encoded and could be that of another method, as in name*=: send it as name="..."',
  );
}
