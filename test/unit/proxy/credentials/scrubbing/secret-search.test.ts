import { expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { Ranges } from '../../../../../proxy/credentials/scrubbing/ranges.ts';
import { compileScrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { searchFor } from '../../../../../proxy/credentials/scrubbing/secret-search.ts';

const SHORT = 'K7_mQ.2x';
const LONG = Array.from({ length: 40 }, (_, at) => `part-${at}`).join('~');

function search() {
  const made = searchFor([SHORT, LONG].map((text) => new Secret(text)));
  if (made === undefined) throw new Error('nothing to search for');
  return made;
}

test('a short secret is found beside a long one, though nothing else stands there', () => {
  expect(search().shortest).toBeLessThanOrEqual(SHORT.length);
  expect(search().longestBytes).toBeGreaterThan(LONG.length * 2);
  const scrubber = compileScrubber([SHORT, LONG].map((text) => new Secret(text)));
  expect(scrubber?.scrubText(SHORT)).toEqual({ text: '********', hits: 1 });
});

test('there is no search for nothing', () => {
  expect(searchFor([])).toBeUndefined();
});

const base64 = Buffer.from(LONG).toString('base64');
test.each<[what: string, text: Buffer, inText: number, inBody: number]>([
  ['as it is', Buffer.from(LONG), 1, 1],
  ['with an escape', Buffer.from(`%4B${SHORT.slice(1)}`), 1, 1],
  ['of wide characters', Buffer.from(SHORT, 'utf16le'), 0, 1],
  ['of wide characters, the higher byte first', Buffer.from(SHORT, 'utf16le').swap16(), 0, 1],
  ['in lines of base64', Buffer.from(base64.replaceAll(/.{76}/g, '$&\n')), 0, 1],
  ['all but its last character', Buffer.from(SHORT.slice(0, -1)), 0, 0],
])('a secret %s is found', (_what, bytes, inText, inBody) => {
  const [text, body] = [new Ranges(), new Ranges()];
  search().search(bytes, bytes.length, text);
  search().searchBody(bytes, 0, body);
  expect([text.ordered().count, body.ordered().count]).toEqual([inText, inBody]);
});

test('what stands behind the end is not', () => {
  const [bytes, found] = [Buffer.from(SHORT), new Ranges()];
  search().search(bytes, bytes.length - 1, found);
  expect(found.isEmpty).toBe(true);
});
