import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { scrubBody } from '../../../../../proxy/credentials/scrubbing/scrub-messages.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

// What a body that pauses shows of the bytes that are held back for it.

const SECRET = 'sk-live_9f/+Q~"z=\\% &<Ab1';

function scrubberOf(...secrets: string[]): Scrubber {
  const scrubber = compileScrubber(secrets.map((secret) => new Secret(secret)));
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber;
}

/** Everything that comes out, with a lull behind each piece. */
function withLulls(scrubber: Scrubber, pieces: readonly string[]): { text: string; hits: number } {
  const stream = scrubber.stream();
  const out: Buffer[] = [];
  for (const piece of pieces) {
    const chunk = Buffer.from(piece, 'latin1');
    out.push(...stream.push(chunk).map((bytes) => Buffer.from(bytes)));
    chunk.fill('!');
    out.push(...stream.lull().map((bytes) => Buffer.from(bytes)));
    expect(stream.lull()).toEqual([]);
  }
  out.push(...stream.end());
  return { text: Buffer.concat(out).toString('latin1'), hits: stream.hits };
}

describe('in a lull', () => {
  test.each(['s', 'a\\', 'b%', '%7', '&', '\\u00', '\0', 'sk-l'])('%j leaves, and no byte twice', (tail) => {
    const stream = scrubberOf(SECRET).stream();
    const first = [...stream.push(Buffer.from(`x${tail}`)), ...stream.lull()];
    expect(Buffer.concat(first).toString()).toBe(`x${tail}`);
    expect(stream.heldBytes).toBe(0);
    expect(Buffer.concat([...stream.push(Buffer.from('yz')), ...stream.end()]).toString()).toBe('yz');
  });

  test.each([
    ['raw', SECRET, 5],
    ['hexadecimal', Buffer.from(SECRET).toString('hex'), 5],
    ['percent signs', Array.from(SECRET, (char) => `%${char.charCodeAt(0).toString(16)}`).join(''), 17],
    ['JSON', Array.from(SECRET, (char) => `\\u00${char.charCodeAt(0).toString(16)}`).join(''), 35],
  ])('%s: of a secret less than a quarter shows, wherever the lulls are', (_name, rendered, most) => {
    const body = `[${rendered}]`;
    const shown = (text: string): string => /^\[(.*?)\**\]$/s.exec(text)?.[1] ?? 'another shape';
    const scrubber = scrubberOf(SECRET);
    const pieces = (...cuts: number[]): string[] =>
      [0, ...cuts].map((from, at) => body.slice(from, cuts[at] ?? body.length));
    for (let cut = 0; cut <= body.length; cut += 1) {
      for (let next = cut; next <= Math.min(body.length, cut + 13); next += 1) {
        const { text, hits } = withLulls(scrubber, pieces(cut, next));
        expect(text).toHaveLength(body.length);
        expect(hits).toBe(1);
        expect(rendered.startsWith(shown(text)), text).toBe(true);
        expect(shown(text).length).toBeLessThanOrEqual(most);
      }
    }
    const { text } = withLulls(scrubber, [...body]);
    expect(rendered.startsWith(shown(text)), text).toBe(true);
    expect(shown(text).length).toBeLessThanOrEqual(most);
  });

  test.each([
    ['abcd', 0],
    ['abcdefgh', 1],
    ['abcdefghijklmnopqrst', 4],
    ['abcdefghijklmnopqrstuvwxyz0123456789', 7],
  ])('%s: %i characters show', (secret, count) => {
    const { text } = withLulls(scrubberOf(secret), [...`${secret}.`]);
    expect(text).toBe(`${secret.slice(0, count)}${'*'.repeat(secret.length - count)}.`);
  });

  test('what was masked ahead of its end stays masked, and one secret inside another is found', () => {
    expect(withLulls(scrubberOf('abcdefghijkl', 'cdef'), [...'..abcdefg..']).text).toBe('..ab****g..');
    expect(withLulls(scrubberOf('aaaaaaaaab'), [...'aaaaaaaaaaaab!']).text).toBe('aaa**********!');
  });

  test('a secret that the body ends in is masked from its eighth character on, as without lulls', () => {
    expect(withLulls(scrubberOf(SECRET), [...`x${SECRET.slice(0, 12)}`]).text).toBe(`xsk-li${'*'.repeat(7)}`);
    expect(withLulls(scrubberOf(SECRET), [...`x${SECRET.slice(0, 7)}`]).text).toBe('xsk-live');
  });

  test('a part that begins inside a secret, and a message, show nothing before they are whole', () => {
    const part = scrubberOf(SECRET).stream(true);
    expect([part.push(Buffer.from('9f')), part.lull()]).toEqual([[], []]);
    const headers = new HeaderList();
    headers.append('content-type', 'application/grpc');
    const messages = scrubBody(scrubberOf(SECRET), headers, false);
    expect(Buffer.concat(messages.push(Buffer.from([0, 0, 0, 0, 9, 0x73])))).toHaveLength(5);
    expect([messages.heldBytes, messages.lull()]).toEqual([1, []]);
  });
});
