import { createHash } from 'node:crypto';
import { fieldName, type HeaderList } from '../../protocols/header-list.ts';
import { trimBlanks } from '../../protocols/http1/characters.ts';
import { type InjectionError, unsignable } from '../injection-error.ts';

/** S3 encodes the decoded path; every other service encodes the path as it arrived, so that "%" becomes "%25". */
export type PathEncoding = 'once' | 'twice';

export interface CanonicalParts {
  readonly method: string;
  /** Canonical path, as it is forwarded. */
  readonly path: string;
  readonly pathEncoding: PathEncoding;
  /** Without "?", as it is forwarded. */
  readonly query: string | undefined;
  /** As `Host` or `:authority` says. */
  readonly authority: string;
  readonly headers: HeaderList;
  /** Lower case, sorted; `host`, and names that `headers` has. */
  readonly signedHeaders: readonly string[];
  /** Hash of the body in hex, or the word that stands for it. */
  readonly payload: string;
}

/** AWS "Create a signed API request", step 1. Header values are bytes as Latin-1. */
export function canonicalRequest(parts: CanonicalParts): string {
  const { method, path, query, signedHeaders, payload } = parts;
  const uri = canonicalUri(path, parts.pathEncoding);
  const lines = canonicalHeaders(parts);
  return `${method}\n${uri}\n${canonicalQuery(query)}\n${lines}\n${signedHeaders.join(';')}\n${payload}`;
}

const PLAIN_PATH = /^[A-Za-z0-9\-._~/]*$/;

export function canonicalUri(path: string, encoding: PathEncoding): string {
  if (PLAIN_PATH.test(path)) return path;
  return path.replaceAll(encoding === 'once' ? /[^A-Za-z0-9\-._~/%]/g : /[^A-Za-z0-9\-._~/]/g, percentEncode);
}

/**
 * Parameters decoded, encoded anew and sorted by name, then by value. What servers read in more than one way is refused, so
 * that the query that is forwarded means to the server what was signed.
 *
 * @throws InjectionError
 */
export function canonicalQuery(query: string | undefined): string {
  if (query === undefined || query === '') return '';
  const pairs = query.split('&').map((piece): readonly [string, string] => {
    if (piece === '') throw refused('has an empty parameter');
    const equals = piece.indexOf('=');
    if (equals === -1) return [canonicalText(piece), ''];
    return [canonicalText(piece.slice(0, equals)), canonicalText(piece.slice(equals + 1))];
  });
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

const PLAIN_TEXT = /^[A-Za-z0-9\-._~]*$/;

function canonicalText(text: string): string {
  if (PLAIN_TEXT.test(text)) return text;
  // A form decoder reads a space, a URI decoder a plus sign; AWS documents %20 and %2B.
  if (text.includes('+')) throw refused('has a bare "+"; write %20 or %2B');
  return text.replaceAll(/%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~]/g, (found: string, hex: string | undefined) => {
    if (hex === undefined) {
      if (found === '%') throw refused('has a malformed percent-encoding');
      return percentEncode(found);
    }
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return PLAIN_TEXT.test(char) ? char : found.toUpperCase();
  });
}

/** `name:value\n` each: trimmed, inner spaces as one, values of one name joined by commas. */
function canonicalHeaders({ authority, headers, signedHeaders }: CanonicalParts): string {
  let lines = '';
  for (const name of signedHeaders) {
    lines +=
      name === 'host'
        ? `host:${authority}\n`
        : `${name}:${headers.getAll(fieldName(name)).map(canonicalValue).join(',')}\n`;
  }
  return lines;
}

export function canonicalValue(value: string): string {
  return trimBlanks(value).replaceAll(/[ \t]+/g, ' ');
}

/** SHA-256 in hex; text is Latin-1, as headers are. */
export function sha256Hex(data: string | Uint8Array): string {
  const hash = createHash('sha256');
  return (typeof data === 'string' ? hash.update(data, 'latin1') : hash.update(data)).digest('hex');
}

function percentEncode(char: string): string {
  const code = char.charCodeAt(0);
  if (code > 0xff) throw refused('has a character that is no byte');
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** By code unit, which for encoded text is by byte. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function refused(what: string): InjectionError {
  return unsignable(`its query ${what}`);
}
