import { describe, expect, it } from 'vitest';
import { readOpening } from '../../../../proxy/protocols/opening.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What each beginning of these bytes is taken for, without repetitions. */
function reading(bytes: Buffer): (string | undefined)[] {
  const kinds: (string | undefined)[] = [];
  for (let end = 0; end <= bytes.length; end += 1) {
    const kind = readOpening(bytes.subarray(0, end))?.kind;
    if (kinds.length === 0 || kinds.at(-1) !== kind) kinds.push(kind);
  }
  return kinds;
}

describe('the opening of a connection', () => {
  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'http'],
    ['HTTP behind empty lines', '\r\n\r\nPOST / HTTP/1.1\r\n', 'http'],
    ['a method in small letters', 'get / HTTP/1.1\r\n', 'http'],
    ['a method that begins like HTTP/2', 'PRINT / HTTP/1.1\r\n', 'http'],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 'unknown'],
    ['Redis', '*1\r\n$4\r\nPING\r\n', 'unknown'],
    ['a long token', 'a'.repeat(80), 'unknown'],
    ['TLS that is malformed', '\x16\x03\x01\x00\x00', 'unknown'],
    ['PostgreSQL', '\0\0\0\x08\x04\xd2\x16\x2f', 'unknown'],
    ['many empty lines', '\n'.repeat(20), 'unknown'],
  ])('%s is known once, on every cut, and stays what it is', (_what, text, kind) => {
    expect(reading(latin1(text))).toEqual([undefined, kind]);
  });
});
