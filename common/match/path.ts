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

/** Most paths: nothing to normalise; dot segments and empty segments are looked for apart. */
const PLAIN_PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/;
const PATH_CHARACTER = /[A-Za-z0-9\-._~!$&'()*+,=:@/]/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** Characters that clients leave raw although RFC 3986 wants them encoded; they are encoded here. */
const ENCODED_HERE = /["<>^`{|}[\]]/;
/** Encoded bytes that some servers decode into structure: `/`, `\`, `;`. */
const STRUCTURAL = new Set([0x2f, 0x5c, 0x3b]);
const DOUBLY_ENCODED = /%(?:25)+(?:2[eEfF]|5[cC]|00|3[bB])/;

/**
 * The one spelling of a path on which policy is decided and which is forwarded (attack A-11). Unreserved characters
 * are decoded and hex digits put in upper case (RFC 3986 section 6.2.2). Refused: dot segments in any encoding, empty
 * segments, backslashes, parameters (`;`), encoded slashes, control characters, bytes that are no UTF-8, doubly encoded
 * structure, fragments, and anything that does not start with a slash. Idempotent.
 */
export function canonicalPath(rawPathOfTarget: string): string {
  const path = PLAIN_PATH.test(rawPathOfTarget) ? rawPathOfTarget : normalise(rawPathOfTarget);
  if (path.includes('//')) throw new PathError('the path has an empty segment');
  if (path.includes('/.') && /\/\.\.?(?:\/|$)/.test(path)) throw new PathError('the path has a dot segment');
  return path;
}

/** Cuts an origin-form target (RFC 9112 section 3.2.1). */
export function splitTarget(target: string): Target {
  if (!target.startsWith('/')) throw new PathError('the target does not start with a slash');
  if (target.includes('#')) throw new PathError('the target has a fragment');
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: undefined } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

function normalise(raw: string): string {
  if (!raw.startsWith('/')) throw new PathError('the path does not start with a slash');
  let path = '';
  let beyondAscii = false;
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at);
    if (character === '%') {
      const byte = readEncodedByte(raw, at);
      beyondAscii ||= byte >= 0x80;
      path += spell(byte);
      at += 2;
    } else if (PATH_CHARACTER.test(character)) path += character;
    else if (ENCODED_HERE.test(character)) path += encodeByte(character.charCodeAt(0));
    else throw new PathError('the path has a character that no path may have');
  }
  if (DOUBLY_ENCODED.test(path)) throw new PathError('the path is encoded twice');
  if (beyondAscii && !isUtf8(decodeBytes(path))) throw new PathError('the path is not UTF-8');
  return path;
}

function readEncodedByte(raw: string, at: number): number {
  const digits = raw.slice(at + 1, at + 3);
  if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw new PathError('the path has a malformed percent-encoding');
  const byte = Number.parseInt(digits, 16);
  if (byte < 0x20 || byte === 0x7f) throw new PathError('the path has an encoded control character');
  if (STRUCTURAL.has(byte)) throw new PathError('the path has an encoded slash, backslash or semicolon');
  return byte;
}

function spell(byte: number): string {
  const character = String.fromCharCode(byte);
  return byte < 0x80 && UNRESERVED.test(character) ? character : encodeByte(byte);
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
