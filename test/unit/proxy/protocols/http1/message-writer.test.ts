import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import {
  CHUNK_TAIL,
  LAST_CHUNK,
  writeChunkHeader,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from '../../../../../proxy/protocols/http1/message-writer.ts';
import { playRequests, playResponses } from '../../../../support/protocols/http1-play.ts';

const NONE = new HeaderList();

describe('message writer', () => {
  it('writes heads as they were spelled', () => {
    const headers = HeaderList.from([
      ['Host', 'a'],
      ['X-É'.slice(0, 2), '\xe9'],
    ]);
    expect(writeRequestHead('GET', '/', headers)).toBe('GET / HTTP/1.1\r\nHost: a\r\nX-: \xe9\r\n\r\n');
    expect(writeResponseHead(404, 'Not Found', NONE)).toBe('HTTP/1.1 404 Not Found\r\n\r\n');
  });

  it.each([
    ['a method', () => writeRequestHead('GET /', '/', NONE)],
    ['a target with a space', () => writeRequestHead('GET', '/ HTTP/1.1', NONE)],
    ['a target with CRLF', () => writeRequestHead('GET', '/\r\n', NONE)],
    ['an empty target', () => writeRequestHead('GET', '', NONE)],
    ['a value with CRLF', () => writeRequestHead('GET', '/', HeaderList.from([['A', 'b\r\nC: d']]))],
    ['a value with NUL', () => writeRequestHead('GET', '/', HeaderList.from([['A', '\0']]))],
    ['a value wider than a byte', () => writeRequestHead('GET', '/', HeaderList.from([['A', '\u010a']]))],
    ['a name with a colon', () => writeRequestHead('GET', '/', HeaderList.from([['A:', 'b']]))],
    ['an empty name', () => writeRequestHead('GET', '/', HeaderList.from([['', 'b']]))],
    ['a reason with CRLF', () => writeResponseHead(200, 'OK\r\n', NONE)],
    ['a status of four digits', () => writeResponseHead(2000, 'OK', NONE)],
    ['a chunk of nothing', () => writeChunkHeader(0)],
  ])('refuses %s without repeating it', (_what, write) => {
    expect(write).toThrow(/^(?!.*C: d)the /);
  });

  it('writes what the readers read', () => {
    const letters = fc.array(fc.constantFrom('a', 'B', '-', '_', '9'), { minLength: 1, maxLength: 6 });
    const name = letters.map((parts) => `x${parts.join('')}`);
    const value = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 8 }),
        fc.array(fc.uint8Array({ minLength: 1 })),
        (pairs, body) => {
          const fields = HeaderList.from([...pairs, ['Transfer-Encoding', 'chunked'], ['Host', 'a']]);
          const trailers = HeaderList.from(pairs);
          const chunks = body.flatMap((bytes) => [writeChunkHeader(bytes.length), Buffer.from(bytes), CHUNK_TAIL]);
          const rest = [...chunks, writeLastChunk(trailers)];
          const request = playRequests(
            [Buffer.concat([Buffer.from(writeRequestHead('POST', '/', fields), 'latin1'), ...rest])],
            true,
          );
          const response = playResponses(
            [Buffer.concat([Buffer.from(writeResponseHead(200, 'OK', fields), 'latin1'), ...rest])],
            ['GET'],
            true,
          );
          for (const played of [request, response]) {
            expect(played.error).toBeUndefined();
            expect(played.events[0]).toMatchObject({ headers: [...fields] });
            expect(played.events.at(-1)).toEqual({ type: 'end', trailers: pairs.length === 0 ? undefined : pairs });
          }
        },
      ),
    );
    expect(writeLastChunk(undefined)).toBe(LAST_CHUNK);
  });
});
