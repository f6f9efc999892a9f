import type { HeaderList } from '../header-list.ts';
import { COLON, CR, FIELD, isFieldValue, isToken, LF, SP, TARGET, TOKEN } from './characters.ts';

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
  return `${method} ${target} HTTP/1.1\r\n${fieldLines(headers)}${CRLF}`;
}

/** A response's head (RFC 9112 4), always HTTP/1.1; one character a byte. */
export function writeResponseHead(status: number, reason: string, headers: HeaderList): string {
  if (!Number.isInteger(status) || status < 100 || status > 599) throw new Error('the status to write is out of range');
  if (!isFieldValue(reason)) throw new Error('the reason phrase to write holds a character that it may not');
  return `HTTP/1.1 ${status} ${reason}\r\n${fieldLines(headers)}${CRLF}`;
}

/** The size line before a chunk (RFC 9112 7.1); a chunk of no bytes would end the body, so it is refused. */
export function writeChunkHeader(length: number): Buffer {
  if (!Number.isSafeInteger(length) || length < 1) throw new Error('the chunk to write has no bytes');
  return Buffer.from(`${length.toString(16)}\r\n`, 'latin1');
}

/** The end of a chunked body (RFC 9112 7.1.2). */
export function writeLastChunk(trailers: HeaderList | undefined): Buffer {
  if (trailers === undefined || trailers.size === 0) return LAST_CHUNK;
  return Buffer.from(`0\r\n${fieldLines(trailers)}${CRLF}`, 'latin1');
}

/** Where field lines are put together; it grows to the longest head there was. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4_096);

/** As one flat string: put together from strings, it would be a tree of some thirty of them for the collector. */
function fieldLines(headers: HeaderList): string {
  const { raw, names } = headers;
  let end = 0;
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? '';
    const value = raw[2 * index + 1] ?? '';
    if (end + name.length + value.length + 4 > scratch.length) grow(end + name.length + value.length + 4);
    end = writeField(name, value, end);
  }
  return scratch.toString('latin1', 0, end);
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

function grow(bytes: number): void {
  const larger = Buffer.allocUnsafeSlow(bytes * 2);
  scratch.copy(larger);
  scratch = larger;
}

function isTarget(target: string): boolean {
  for (let at = 0; at < target.length; at += 1) {
    if (TARGET[target.charCodeAt(at)] !== 1) return false;
  }
  return target !== '';
}
