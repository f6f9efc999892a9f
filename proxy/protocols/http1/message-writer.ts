import type { HeaderList } from '../header-list.ts';
import { COLON, CR, FIELD, isFieldValue, isTarget, isToken, LF, SP, TOKEN } from './characters.ts';

/**
 * Writes heads and chunk frames. What it is given is checked again, so that no mistake in between can split a
 * message; a breach is a bug of the caller and throws a plain Error without the bytes.
 */

const CRLF = '\r\n';

/** After the bytes of a chunk. */
export const CHUNK_TAIL: Buffer = Buffer.from(CRLF);
/** The end of a chunked body without trailers. */
export const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n');

/** A request's head (RFC 9112 3), always HTTP/1.1; one character a byte. */
export function writeRequestHead(method: string, target: string, headers: HeaderList): string {
  if (!isToken(method)) throw new Error('the method to write is not a token');
  if (!isTarget(target)) throw new Error('the request target to write holds a character that it may not');
  reserve(0, method.length + target.length + 16);
  let end = put(method, 0);
  end = put(' ', end);
  end = put(target, end);
  end = put(' HTTP/1.1\r\n', end);
  return writeFields(headers, end);
}

/** A response's head (RFC 9112 4), always HTTP/1.1; one character a byte. */
export function writeResponseHead(status: number, reason: string, headers: HeaderList): string {
  if (!Number.isInteger(status) || status < 100 || status > 599) throw new Error('the status to write is out of range');
  if (!isFieldValue(reason)) throw new Error('the reason phrase to write holds a character that it may not');
  reserve(0, reason.length + 16);
  let end = put('HTTP/1.1 ', 0);
  end = put(String(status), end);
  end = put(' ', end);
  end = put(reason, end);
  end = put(CRLF, end);
  return writeFields(headers, end);
}

/** The size line before a chunk (RFC 9112 7.1); a chunk of no bytes would end the body, so it is refused. */
export function writeChunkHeader(length: number): Buffer {
  if (!Number.isSafeInteger(length) || length < 1) throw new Error('the chunk to write has no bytes');
  return Buffer.from(`${length.toString(16)}\r\n`, 'latin1');
}

/** The end of a chunked body (RFC 9112 7.1.2). */
export function writeLastChunk(trailers: HeaderList | undefined): Buffer {
  if (trailers === undefined || trailers.size === 0) return LAST_CHUNK;
  return Buffer.from(writeFields(trailers, put('0\r\n', 0)), 'latin1');
}

/** Where a head is put together; it grows to the longest there was. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4_096);

/**
 * Adds field lines and the empty line to the first bytes of the scratch; all of it as one flat string, as one that is put
 * together from strings is a tree of some thirty of them for the collector.
 */
function writeFields({ raw, names }: HeaderList, start: number): string {
  let end = start;
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? '';
    const value = raw[2 * index + 1] ?? '';
    reserve(end, name.length + value.length + 6);
    end = writeField(name, value, end);
  }
  reserve(end, 2);
  end = put(CRLF, end);
  return scratch.toString('latin1', 0, end);
}

function put(text: string, start: number): number {
  const bytes = scratch;
  for (let at = 0; at < text.length; at += 1) bytes[start + at] = text.charCodeAt(at);
  return start + text.length;
}

function reserve(end: number, bytes: number): void {
  if (end + bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafeSlow((end + bytes) * 2);
  scratch.copy(larger, 0, 0, end);
  scratch = larger;
}

function writeField(name: string, value: string, start: number): number {
  const bytes = scratch;
  let at = start;
  for (let from = 0; from < name.length; from += 1) {
    const code = name.charCodeAt(from);
    if (TOKEN[code] !== 1) throw new Error('the name of a header to write is not a token');
    bytes[at] = code;
    at += 1;
  }
  if (at === start) throw new Error('the name of a header to write is not a token');
  bytes[at] = COLON;
  bytes[at + 1] = SP;
  at += 2;
  for (let from = 0; from < value.length; from += 1) {
    const code = value.charCodeAt(from);
    if (FIELD[code] !== 1) throw new Error(`the value of the header ${name} holds a character that it may not`);
    bytes[at] = code;
    at += 1;
  }
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + 2;
}
