import { HeaderList } from '../header-list.ts';
import { COLON, CR, FIELD, HTAB, LF, SP, TOKEN } from './characters.ts';
import { malformed, tooLarge, type MessageKind } from './message-error.ts';

/** Spellings seen in nearly every message, so that most names need no lower-casing. */
const LOWER = new Map<string, string>(
  [
    'Accept',
    'Accept-Encoding',
    'Accept-Language',
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
    'Server',
    'Set-Cookie',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'User-Agent',
    'Vary',
    'Via',
  ].flatMap((name) => [
    [name, name.toLowerCase()],
    [name.toLowerCase(), name.toLowerCase()],
  ]),
);

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
    while (TOKEN[text.charCodeAt(nameEnd)] === 1) nameEnd += 1;
    if (nameEnd === at || text.charCodeAt(nameEnd) !== COLON) throw badName(text, at, nameEnd, kind);
    let from = nameEnd + 1;
    let code = text.charCodeAt(from);
    while (code === SP || code === HTAB) code = text.charCodeAt((from += 1));
    let to = from;
    while (FIELD[code] === 1) code = text.charCodeAt((to += 1));
    if (code !== CR || text.charCodeAt(to + 1) !== LF) throw badValue(code, kind);
    const name = text.slice(at, nameEnd);
    at = to + 2;
    while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
    const lower = LOWER.get(name) ?? name.toLowerCase();
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

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
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
