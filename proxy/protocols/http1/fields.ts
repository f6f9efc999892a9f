import { HeaderList } from '../header-list.ts';
import { COLON, CR, FIELD, HTAB, isBlank, LF, SP, TOKEN } from './characters.ts';
import { malformed, tooLarge, type MessageKind } from './message-error.ts';

/** A field name as spelled, and in lower case. */
interface FieldName {
  readonly spelled: string;
  readonly lower: string;
}

const KNOWN_SLOTS = 512;

/**
 * Names seen in nearly every message, by a hash of their bytes: they are found without a string of their own, and maps
 * that are asked with them later know their hash already. Of two with one hash the first stays; it is only speed.
 */
const KNOWN: readonly (FieldName | undefined)[] = knownNames([
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Accept-Ranges',
  'Age',
  'Authorization',
  'Cache-Control',
  'Connection',
  'Content-Encoding',
  'Content-Length',
  'Content-Type',
  'Cookie',
  'Date',
  'ETag',
  'Expect',
  'Host',
  'Keep-Alive',
  'Last-Modified',
  'Location',
  'Proxy-Authorization',
  'Proxy-Connection',
  'Sec-Fetch-Mode',
  'Server',
  'Set-Cookie',
  'Strict-Transport-Security',
  'TE',
  'Traceparent',
  'Tracestate',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'User-Agent',
  'Vary',
  'Via',
  'X-Content-Type-Options',
  'X-Request-Id',
]);

function knownNames(names: readonly string[]): (FieldName | undefined)[] {
  const slots = Array.from<FieldName | undefined>({ length: KNOWN_SLOTS });
  for (const spelled of names.flatMap((name) => [name, name.toLowerCase()])) {
    let hash = 0;
    for (let at = 0; at < spelled.length; at += 1) hash = nextHash(hash, spelled.charCodeAt(at));
    slots[hash] ??= { spelled, lower: spelled.toLowerCase() };
  }
  return slots;
}

function nextHash(hash: number, code: number): number {
  return (hash * 31 + code) % KNOWN_SLOTS;
}

const FRAMING = new Set(['content-length', 'transfer-encoding']);

/**
 * Reads `*( field-line CRLF )` (RFC 9112 5) from `start` to the end of `text`, which must end with CRLF or be empty
 * there. White space around a value is dropped (RFC 9110 5.5). Everything outside the grammar throws, obs-fold too
 * (RFC 9112 5.2 allows that).
 */
export function parseFields(text: string, start: number, maxCount: number, kind: MessageKind): HeaderList {
  const raw: string[] = [];
  const names: string[] = [];
  const end = text.length;
  let at = start;
  while (at < end) {
    if (names.length === maxCount) throw tooLarge(kind, `more than ${maxCount} header fields`);
    let nameEnd = at;
    let hash = 0;
    let code = text.charCodeAt(nameEnd);
    while (TOKEN[code] === 1) {
      hash = nextHash(hash, code);
      code = text.charCodeAt((nameEnd += 1));
    }
    if (nameEnd === at || code !== COLON) throw badName(text, at, nameEnd, kind);
    let from = nameEnd + 1;
    code = text.charCodeAt(from);
    while (code === SP || code === HTAB) code = text.charCodeAt((from += 1));
    let to = from;
    while (FIELD[code] === 1) code = text.charCodeAt((to += 1));
    if (code !== CR || text.charCodeAt(to + 1) !== LF) throw badValue(code, kind);
    const known = KNOWN[hash];
    const isKnown = known !== undefined && nameEnd - at === known.spelled.length && text.startsWith(known.spelled, at);
    const name = isKnown ? known.spelled : text.slice(at, nameEnd);
    at = to + 2;
    while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
    const lower = isKnown ? known.lower : name.toLowerCase();
    if (to < at - 2 && FRAMING.has(lower)) refuseTab(text.slice(to, at - 2), kind);
    names.push(name);
    raw.push(lower, text.slice(from, to));
  }
  return new HeaderList(raw, names);
}

/** llhttp reads `chunked<tab>` as another coding, and a body that ends elsewhere: so nobody may send it. */
function refuseTab(blanks: string, kind: MessageKind): void {
  if (blanks.includes('\t')) throw malformed(kind, 'a tab behind a value that frames the message (RFC 9112 6.3)');
}

function badName(text: string, at: number, nameEnd: number, kind: MessageKind): Error {
  const code = text.charCodeAt(nameEnd);
  if (nameEnd > at) {
    if (isBlank(code)) return malformed(kind, 'white space before the colon of a header (RFC 9112 5.1)');
    return malformed(kind, 'a header line without a well-formed name and colon (RFC 9112 5)');
  }
  if (isBlank(code)) return malformed(kind, 'a folded header line (RFC 9112 5.2)');
  return malformed(kind, 'a header line without a name (RFC 9112 5)');
}

function badValue(code: number, kind: MessageKind): Error {
  if (code === LF) return malformed(kind, 'a line that ends with a bare LF (RFC 9112 2.2)');
  if (code === CR) return malformed(kind, 'a bare CR (RFC 9112 2.2)');
  return malformed(kind, 'a control character in a header value (RFC 9110 5.5)');
}
