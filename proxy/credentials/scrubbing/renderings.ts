import { isUtf8 } from 'node:buffer';

/** Credentials below this are refused at injection: they occur in answers by chance. */
export const MIN_SECRET_BYTES = 4;
const MAX_SECRET_BYTES = 64 * 1024;
/** Of a character in UTF-32. */
export const WIDEST_BYTES = 4;

/**
 * The byte strings that give a secret away, each at least MIN_SECRET_BYTES long; see foldedRenderingsOf as well. Escapes inside any
 * of them (percent, `\u`, `\x`, entities) are not listed here: the scrubber reads them character by character, in any mixture.
 */
export function renderingsOf(secret: Uint8Array): Buffer[] {
  const raw = Buffer.from(secret);
  if (raw.length < MIN_SECRET_BYTES || raw.length > MAX_SECRET_BYTES) return [];
  return [raw, ...otherCharsets(raw)].filter((bytes) => bytes.length >= MIN_SECRET_BYTES);
}

/** The same of base64 and hexadecimal, whose writers break long lines (RFC 2045 6.8): between any two characters one may end. */
export function foldedRenderingsOf(secret: Uint8Array): Buffer[] {
  const raw = Buffer.from(secret);
  if (raw.length < MIN_SECRET_BYTES || raw.length > MAX_SECRET_BYTES) return [];
  const renderings: Buffer[] = [];
  for (const alignment of [0, 1, 2]) {
    const inner = innerBase64(raw, alignment);
    renderings.push(Buffer.from(inner), Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_')));
  }
  const hex = raw.toString('hex');
  renderings.push(Buffer.from(hex), Buffer.from(hex.toUpperCase()));
  return renderings.filter((bytes) => bytes.length >= MIN_SECRET_BYTES);
}

/**
 * The same in character sets that have more than one byte for every character: UTF-16 and UTF-32, in both orders of bytes.
 */
export function wideRenderingsOf(secret: Uint8Array): Buffer[] {
  const raw = Buffer.from(secret);
  if (raw.length < MIN_SECRET_BYTES || raw.length > MAX_SECRET_BYTES || !isUtf8(raw)) return [];
  const text = raw.toString('utf8');
  const points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  const longs = Buffer.alloc(WIDEST_BYTES * points.length);
  points.forEach((point, at) => longs.writeUInt32LE(point, WIDEST_BYTES * at));
  const shorts = Buffer.from(text, 'utf16le');
  return [shorts, Buffer.from(shorts).swap16(), longs, Buffer.from(longs).swap32()];
}

/**
 * A `+` for each space (HTML forms); non-ASCII text as Latin-1, and its bytes taken for Latin-1 and written as UTF-8: what a server
 * does that keeps field values as such text (Node, Python's WSGI).
 */
function otherCharsets(raw: Buffer): Buffer[] {
  const others: Buffer[] = [];
  const bytes = raw.toString('latin1');
  if (raw.includes(0x20)) others.push(Buffer.from(bytes.replaceAll(' ', '+'), 'latin1'));
  // Percent-encoded text whose own percent signs read as escapes once more ("%ab" as "%25ab").
  if (raw.includes(0x25)) others.push(Buffer.from(bytes.replaceAll('%', '%25'), 'latin1'));
  if (raw.every((byte) => byte < 0x80)) return others;
  others.push(Buffer.from(bytes, 'utf8'));
  const text = raw.toString('utf8');
  if (/^[\0-\xff]*$/.test(text)) others.push(Buffer.from(text, 'latin1'));
  return others;
}

/**
 * The characters of base64 that depend on the secret alone, when it starts `alignment` bytes into a group of three
 * (RFC 4648 section 4). What shares a character with its neighbours, at most 4 bits at each end, is left out.
 */
export function innerBase64(raw: Buffer, alignment: number): string {
  const padded = Buffer.concat([Buffer.alloc(alignment), raw]).toString('base64');
  const first = Math.ceil((alignment * 8) / 6);
  const afterLast = Math.floor(((alignment + raw.length) * 8) / 6);
  return padded.slice(first, afterLast);
}
