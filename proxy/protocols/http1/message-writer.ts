import type { HeaderList } from '../header-list.ts';
import { isFieldValue, isToken, TARGET } from './characters.ts';

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

function fieldLines(headers: HeaderList): string {
  const { raw, names } = headers;
  let lines = '';
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? '';
    const value = raw[2 * index + 1] ?? '';
    if (!isToken(name)) throw new Error('the name of a header to write is not a token');
    if (!isFieldValue(value)) throw new Error(`the value of the header ${name} holds a character that it may not`);
    lines += `${name}: ${value}${CRLF}`;
  }
  return lines;
}

function isTarget(target: string): boolean {
  for (let at = 0; at < target.length; at += 1) {
    if (TARGET[target.charCodeAt(at)] !== 1) return false;
  }
  return target !== '';
}
