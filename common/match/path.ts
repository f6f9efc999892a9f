import { isUtf8 } from 'node:buffer';
import { SidekeyError } from '../errors.ts';

/** A path or target that servers read in more than one way, so it is refused. */
export class PathError extends SidekeyError {
  constructor(message: string) {
    super('path-refused', message);
  }
}

/** A request target cut at its first question mark. */
export interface Target {
  readonly path: string;
  /** Without the question mark; undefined if there is none. */
  readonly query: string | undefined;
}

const PATH_CHARACTER = /[A-Za-z0-9\-._~!$&'()*+,=:@/]/;
/** 1: a character that stays as it is. */
const STAYS = Uint8Array.from({ length: 128 }, (_, code) => Number(PATH_CHARACTER.test(String.fromCharCode(code))));
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** Characters that clients leave raw although RFC 3986 wants them encoded; they are encoded here. */
const ENCODED_HERE = /["<>^`{|}[\]]/;
const DOT = 0x2e;
/** Encoded bytes that some servers decode into structure: `/`, `\`, `;`. */
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const SEMICOLON = 0x3b;
const DOUBLY_ENCODED = /%(?:25)+(?:2[eEfF]|5[cC]|00|3[bB])/;

/** What only `PathForms` let through. */
const MANY_READINGS = /\/\/|;|%2F|%3B/;

/** Spellings that servers read in more than one way, let through where a server is known to tell them apart. */
export interface PathForms {
  /** `%2F` is a byte of its segment, as in GitLab's `group%2Fproject` and npm's `@scope%2Fname`. */
  readonly encodedSlash: boolean;
  /** `//`, as keys of object stores have it; never at the start, where it would name an authority (RFC 3986 4.2). */
  readonly emptySegments: boolean;
  /** `;` and `%3B` (RFC 3986 section 3.3). */
  readonly parameters: boolean;
}

export const STRICT_PATHS: PathForms = Object.freeze({ encodedSlash: false, emptySegments: false, parameters: false });
/** Every form at once: what a pattern may be written in. */
export const ALL_PATHS: PathForms = Object.freeze({ encodedSlash: true, emptySegments: true, parameters: true });

/**
 * The one spelling of a path on which policy is decided and which is forwarded (attack A-11). Unreserved characters
 * are decoded and hex digits put in upper case (RFC 3986 section 6.2.2). Refused: dot segments in any encoding,
 * backslashes, control characters, bytes that are no UTF-8, doubly encoded structure, fragments, anything that does not
 * start with a slash; and, unless `forms` says otherwise, empty segments, parameters and encoded slashes. Dot segments are
 * refused in whatever a server might read into those forms too. Idempotent.
 */
export function canonicalPath(rawPathOfTarget: string, forms: PathForms = STRICT_PATHS): string {
  if (isPlain(rawPathOfTarget)) return rawPathOfTarget;
  const path = normalise(rawPathOfTarget, forms);
  if (path.startsWith('//')) throw new PathError('the path starts with two slashes');
  if (!MANY_READINGS.test(path)) {
    refuseDots(path);
    return path;
  }
  for (const reading of structuralReadings(path)) {
    if (!forms.emptySegments && reading.includes('//')) throw new PathError('the path has an empty segment');
    refuseDots(reading);
  }
  return path;
}

/** Most paths: nothing to normalise, and neither a slash nor a dot behind a slash, so that no segment is empty or of dots. */
function isPlain(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  let before = SLASH;
  for (let at = 1; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (STAYS[code] !== 1 || (before === SLASH && (code === SLASH || code === DOT))) return false;
    before = code;
  }
  return true;
}

function refuseDots(path: string): void {
  if (path.includes('/.') && /\/\.\.?(?:\/|$)/.test(path)) throw new PathError('the path has a dot segment');
}

/**
 * A canonical path as lenient servers might read it, itself first: encoded slashes decoded, parameters dropped, empty
 * segments merged, dots and blanks at the end of a segment and a slash at the end of all dropped. A rule that denies must hold
 * for all of them, one that allows for the path itself.
 */
export function pathReadings(path: string): readonly string[] {
  let readings = MANY_READINGS.test(path) ? structuralReadings(path) : [path];
  if (IDLE_END.test(path)) readings = alsoAs(readings, withoutIdleEnds);
  return readings.some((reading) => reading.endsWith('/')) ? alsoAs(readings, withoutLastSlash) : readings;
}

/** What Windows drops at the end of a name, and so Caddy's matcher, IIS and ASP.NET. */
const IDLE_END = /(?<!\.|%20)(?:\.|%20)+(?=\/|%2F|;|%3B|$)/;
const IDLE_ENDS = new RegExp(IDLE_END, 'g');

function withoutIdleEnds(path: string): string {
  return path.replaceAll(IDLE_ENDS, '');
}

const FORMAT = /([^/])\.[A-Za-z]\w{0,15}$/;

/**
 * `pathReadings`, and each without a format at its end, as in `/users.json`: Rails, Grape, Django REST, Symfony and older versions of
 * Spring serve it as `/users`.
 */
export function readingsWithoutFormat(path: string): readonly string[] {
  const readings = pathReadings(path);
  const hasFormat = readings.some((reading) => FORMAT.test(reading));
  return hasFormat ? alsoAs(readings, (reading) => reading.replace(FORMAT, '$1')) : readings;
}

function structuralReadings(path: string): readonly string[] {
  let readings = [path];
  if (path.includes('%2F')) readings = alsoAs(readings, (reading) => reading.replaceAll('%2F', '/'));
  if (/;|%3B/.test(path)) readings = alsoAs(readings, (reading) => reading.replaceAll(/(?:;|%3B)[^/]*/g, ''));
  if (readings.some((reading) => reading.includes('//'))) {
    readings = alsoAs(readings, (reading) => reading.replaceAll(/\/{2,}/g, '/'));
  }
  return readings;
}

function alsoAs(readings: readonly string[], change: (reading: string) => string): string[] {
  return [...new Set([...readings, ...readings.map(change)])];
}

/** The root keeps its slash. */
export function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Cuts an origin-form target (RFC 9112 section 3.2.1). */
export function splitTarget(target: string): Target {
  if (!target.startsWith('/')) throw new PathError('the target does not start with a slash');
  if (target.includes('#')) throw new PathError('the target has a fragment');
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: undefined } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

function normalise(raw: string, forms: PathForms): string {
  if (!raw.startsWith('/')) throw new PathError('the path does not start with a slash');
  let path = '';
  let beyondAscii = false;
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at);
    if (character === '%') {
      const byte = readEncodedByte(raw, at, forms);
      beyondAscii ||= byte >= 0x80;
      path += spell(byte);
      at += 2;
    } else if (PATH_CHARACTER.test(character) || (character === ';' && forms.parameters)) path += character;
    else if (ENCODED_HERE.test(character)) path += encodeByte(character.charCodeAt(0));
    else throw new PathError('the path has a character that no path may have');
  }
  if (DOUBLY_ENCODED.test(path)) throw new PathError('the path is encoded twice');
  if (beyondAscii && !isUtf8(decodeBytes(path))) throw new PathError('the path is not UTF-8');
  return path;
}

function readEncodedByte(raw: string, at: number, forms: PathForms): number {
  const digits = raw.slice(at + 1, at + 3);
  if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw new PathError('the path has a malformed percent-encoding');
  const byte = Number.parseInt(digits, 16);
  if (byte < 0x20 || byte === 0x7f) throw new PathError('the path has an encoded control character');
  if (byte === BACKSLASH || (byte === SLASH && !forms.encodedSlash) || (byte === SEMICOLON && !forms.parameters)) {
    throw new PathError('the path has an encoded slash, backslash or semicolon');
  }
  return byte;
}

function spell(byte: number): string {
  const character = String.fromCharCode(byte);
  return UNRESERVED.test(character) ? character : encodeByte(byte);
}

function encodeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function decodeBytes(path: string): Buffer {
  const latin1 = path.replaceAll(/%([0-9A-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(latin1, 'latin1');
}
