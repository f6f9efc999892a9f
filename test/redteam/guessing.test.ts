import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileScrubber } from '../../proxy/credentials/scrubbing/scrub.ts';
import { Secret } from '../../common/secret.ts';
import { bearer, grant, type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';

// An agent that can read back what it wrote asks the scrubber whether its guess is right. Nobody else is in the way: a file in a
// repository, an object in a bucket, a path in an error page. What it knows from the start is how such tokens begin.
const SECRET = 'github_pat_11ABCDEFG0Qx7hVb29LkPz_T3wYrJm5NcUe8SfXo4DgAiBtHq1KsWvE6Zy';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_';
const BLOCK = 8;

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
  world.client.decide = (question) => grant(question, bearer(SECRET));
});
afterEach(() => world.close());

/** What the agent reads of a text of its own. */
async function readBack(text: string, range?: string): Promise<string> {
  const inside = Buffer.from(text);
  world.upstream.handle((request, response) => {
    request.resume();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${inside.length - 1}/${inside.length}` });
    response.end(inside.subarray(from));
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/', range === undefined ? [] : [`Range: ${range}`]));
  agent.destroy();
  return answer.text;
}

const mask = (text: string): string => text.replaceAll(/[^*]/g, '.');

describe('A-01 a credential is not to be guessed character by character', () => {
  test('at the end of a body: no one character more that is right can be told from one that is wrong', async () => {
    for (const known of [16, 20, 30, 32, 53]) {
      const masks = new Set<string>();
      for (const letter of [SECRET.charAt(known), 'A', 'z', '7'])
        masks.add(mask(await readBack(`file: ${SECRET.slice(0, known)}${letter}`)));
      expect(masks.size, `${known} known`).toBe(1);
    }
  });

  test('at the beginning of a part that is asked for with Range', async () => {
    const filler = ' '.repeat(200);
    for (const from of [5, 8, 11]) {
      for (const known of [from + 21, from + 22]) {
        if (known % BLOCK === BLOCK - 1) continue;
        const masks = new Set<string>();
        for (const letter of [SECRET.charAt(known), 'A', 'z', '7']) {
          const piece = Buffer.from(SECRET.slice(from, known) + letter).toString('hex');
          const text = filler + piece.replaceAll(/../g, String.raw`\u00$&`);
          masks.add(mask(await readBack(text, 'bytes=200-')));
        }
        expect([...masks], `${from} to ${known}`).toEqual([expect.stringMatching(/^\*+$/)]);
      }
    }
  });
});

const wide = (encoding: 'utf16le', text: string): Buffer => Buffer.from(text, encoding);
const RENDERINGS: readonly (readonly [string, (text: string) => Buffer])[] = [
  ['raw', (text) => Buffer.from(text)],
  ['hexadecimal', (text) => Buffer.from(Buffer.from(text).toString('hex'))],
  ['UTF-16', (text) => wide('utf16le', text)],
  ['UTF-32', (text) => Buffer.concat(Array.from(text, (char) => Buffer.from([0, 0, 0, char.charCodeAt(0)])))],
  ['percent', (text) => Buffer.from(Buffer.from(text).toString('hex').replaceAll(/../g, '%$&'))],
  ['JSON', (text) => Buffer.from(Buffer.from(text).toString('hex').replaceAll(/../g, String.raw`\u00$&`))],
  ['base64', (text) => Buffer.from(Buffer.from(text).toString('base64').replaceAll('=', ''))],
];

describe.each(RENDERINGS)('A-02 the same in %s', (_name, render) => {
  const scrubber = compileScrubber([new Secret(SECRET)]);
  const seen = (bytes: Buffer): string =>
    mask(Buffer.concat(scrubber?.stream().pushLast(bytes) ?? []).toString('latin1'));

  test('a right character and a wrong one are hidden alike, but at the end of a block', () => {
    let told = 0;
    for (let known = BLOCK; known < SECRET.length - BLOCK; known += 1) {
      const right = SECRET.charAt(known);
      const others = Array.from(ALPHABET).filter((letter) => letter !== right);
      const asRight = seen(render(SECRET.slice(0, known) + right));
      if (others.some((letter) => seen(render(SECRET.slice(0, known) + letter)) !== asRight)) told += 1;
    }
    // To learn that one is right, the seven before it had to be known.
    expect(told).toBeLessThanOrEqual(Math.ceil(SECRET.length / BLOCK));
  });

  test('whatever is cut off, no more than a glimpse stays', () => {
    for (let cut = BLOCK + 1; cut < SECRET.length; cut += 1) {
      const shown = seen(render(SECRET.slice(0, cut)));
      expect(shown.length === 0 || /^\*+\.{0,3}$/.test(shown), `${cut}: ${shown}`).toBe(true);
    }
  });
});

describe('A-01 what is held back tells no more', () => {
  const scrubber = compileScrubber([new Secret(SECRET)]);
  test('a right character and a wrong one wait alike, behind the first block', () => {
    for (let known = BLOCK + 1; known < SECRET.length - 1; known += 1) {
      if ((known + 1) % BLOCK === 0) continue;
      const held = Array.from(ALPHABET, (letter) => {
        const stream = scrubber?.stream();
        stream?.push(Buffer.from(`x ${SECRET.slice(0, known)}${letter}`));
        return stream?.heldBytes;
      });
      expect(new Set(held).size, `${known} known`).toBe(1);
    }
  });
});
