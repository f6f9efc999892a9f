import { beforeEach, expect, test, vi } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { BLOCK_BYTES } from '../../../../../proxy/credentials/scrubbing/cut-search.ts';
import { MAX_ESCAPE_BYTES } from '../../../../../proxy/credentials/scrubbing/escape-forms.ts';
import { Ranges } from '../../../../../proxy/credentials/scrubbing/ranges.ts';
import * as secretSearch from '../../../../../proxy/credentials/scrubbing/secret-search.ts';
import { searchForSignatures } from '../../../../../proxy/credentials/scrubbing/signature-search.ts';

vi.mock('../../../../../proxy/credentials/scrubbing/secret-search.ts', async (original) => {
  const real = await original<typeof secretSearch>();
  return { ...real, searchFor: vi.fn(real.searchFor) };
});
const compiled = vi.mocked(secretSearch.searchFor);
beforeEach(() => {
  compiled.mockClear();
});

const HEX = '0123456789abcdef'.repeat(4);
const search = (signature = HEX) => {
  const made = searchForSignatures([new Secret(signature)]);
  if (made === undefined) throw new Error('nothing to search for');
  return made;
};
const wide = (text: string): string => Array.from(text, (char) => `${char}\0`).join('');

test.each<[what: string, text: string, inText: boolean, inBody: boolean]>([
  ['words', 'you sent this and that. '.repeat(20), false, false],
  ['all of one', HEX, true, true],
  ['all of one among other bytes', `!${HEX}!`, true, true],
  ['all of one behind most of one', `${HEX.slice(1)}!${HEX}`, true, true],
  ['most of one', `!${HEX.slice(1)}!`, false, false],
  ['most of one, again and again', `${HEX.slice(1)}!`.repeat(5), false, false],
  ['what base64 of it takes', 'Z'.repeat(83), true, true],
  ['less than base64 of it takes', 'Z'.repeat(82), false, false],
  ['lines of it', `${HEX.slice(0, 62)}\r\n`, true, true],
  ['wide characters of it', wide(HEX), false, true],
  ['few wide characters', `!${wide(HEX.slice(33))}!`, false, false],
])('a search is compiled for %s alone where it may be needed', (_what, text, inText, inBody) => {
  const bytes = Buffer.from(text, 'latin1');
  search().search(bytes, bytes.length, new Ranges());
  expect(compiled).toHaveBeenCalledTimes(inText ? 1 : 0);
  compiled.mockClear();
  search().searchBody(bytes, 0, new Ranges());
  expect(compiled).toHaveBeenCalledTimes(inBody ? 1 : 0);
});

test('is not compiled for what stands behind the end, nor before anything is searched', () => {
  const one = search();
  one.search(Buffer.from(HEX), 63, new Ranges());
  search('A'.repeat(43));
  expect(compiled).not.toHaveBeenCalled();
  search('v1!other');
  expect(compiled).toHaveBeenCalledTimes(1);
});

const least = BLOCK_BYTES;
test.each<[what: string, text: string, least: number, needed: boolean]>([
  ['an end that no signature has', 'abcdef!', 0, false],
  ['an end that one may have', '!!!a', 0, true],
  ['too little of one', 'a'.repeat(least - 1), least, false],
  ['enough of one', 'a'.repeat(least), least, true],
  ['other bytes within', `${'a'.repeat(least - 2)}!a`, least, false],
  ['other bytes before', `!${'a'.repeat(least)}`, least, true],
  ['no more than a block', `!${'a'.repeat(least)}`, least * 4, true],
  ['what may be an escape', `%${'!'.repeat(MAX_ESCAPE_BYTES - 1)}`, 0, true],
  ['what is too long for one', `%${'!'.repeat(MAX_ESCAPE_BYTES)}`, 0, false],
  ['nothing', '', 0, false],
])('where one may have begun is looked for with %s: %j', (_what, text, fewest, needed) => {
  const bytes = Buffer.from(text);
  const from = search().pendingFrom(bytes, bytes.length, fewest, 0);
  expect(compiled).toHaveBeenCalledTimes(needed ? 1 : 0);
  if (!needed) expect(from).toBe(bytes.length);
});
