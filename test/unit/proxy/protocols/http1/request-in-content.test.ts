import { describe, expect, it } from 'vitest';
import { RequestInContent } from '../../../../../proxy/protocols/http1/request-in-content.ts';

function isFound(method: string, pieces: readonly string[]): boolean {
  const reader = new RequestInContent(method);
  for (const piece of pieces) reader.read(Buffer.from(piece, 'latin1'));
  return reader.found;
}

/** Whole, cut in two at every place, and byte by byte. */
function cuts(text: string): string[][] {
  const inTwo = Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]);
  return [[text], ...inTwo, [...text]];
}

describe('content that could be a request', () => {
  it.each([
    'GET /private HTTP/1.1\r\nX-Pad: ',
    'GET /private',
    'GET ',
    'GET\t/private',
    'GET',
    'X-',
    'm'.repeat(64),
    '\r\n\n GET /',
    '\x0b\x0cGET /',
    'Dear all',
    '{"a":1}\r\nGET / HTTP/1.1\r\n',
    '\xff\xfe HTTP/1.1',
    '{"says": "http/1.0"}',
  ])('%j is found however it is cut', (content) => {
    for (const pieces of cuts(content)) expect(isFound('POST', pieces), JSON.stringify(pieces)).toBe(true);
  });

  it.each([
    '',
    '\r\n',
    '{"a": "GET /private"}',
    '[1, 2]',
    'a=b&c=d e',
    '--boundary\r\nContent-Type: text/plain\r\n\r\nGET / ',
    '<a href="http://a.example/">HTTP</a>',
    '\x89PNG\r\n\x1a\n HTTP 1.1',
    '"HTT" "P/1.1" HTTPS://a',
    `${'m'.repeat(65)} /private`,
  ])('%j is none', (content) => {
    for (const pieces of cuts(content)) expect(isFound('POST', pieces), JSON.stringify(pieces)).toBe(false);
  });

  it.each(['GET', 'HEAD', 'DELETE'])('%s has no content that a server must look for', (method) => {
    expect(isFound(method, ['{}'])).toBe(true);
  });
});
