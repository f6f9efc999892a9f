import { afterAll, beforeAll, expect, test } from 'vitest';
import { SECRET } from '../support/worlds/proxy-world.ts';
import { startTellingWorld, type TellingWorld } from '../support/upstreams/told-stream.ts';

let telling: TellingWorld;
beforeAll(async () => {
  telling = await startTellingWorld();
}, 60_000);
afterAll(() => telling.close());

test.each([
  ['raw', { agent: 1, upstream: 1 }, SECRET],
  ['raw', { agent: 2, upstream: 2 }, SECRET],
  ['base64', { agent: 1, upstream: 1 }, Buffer.from(`Bearer ${SECRET}`).toString('base64')],
] as const)(
  'A-01 A-02 an upstream that pauses behind each byte of %s (%j) shows a glimpse of the secret',
  async (...given) => {
    const [name, versions, rendered] = given;
    const told = await telling.tell(versions, { 'content-type': 'text/plain' });
    for (const char of rendered) {
      told.say(Buffer.from(char));
      // Longer than what is held back waits, if it may leave at all.
      await told.heard(Number.POSITIVE_INFINITY, 150);
    }
    told.say(Buffer.from('.'));
    expect(await told.heard(rendered.length + 1, 20_000)).toBe(true);
    told.end();
    const text = told.body().toString();
    const shown =
      name === 'raw' ? text : Buffer.from(text.replaceAll('*', ''), 'base64').toString().slice('Bearer '.length);
    const glimpse = /^[^*.]*/.exec(shown)?.[0] ?? '';
    expect(SECRET.startsWith(glimpse.slice(0, -1)), shown).toBe(true);
    expect(glimpse.length).toBeLessThan(SECRET.length / 4);
    expect(text.split('*').length - 1).toBeGreaterThan((SECRET.length * 3) / 4);
  },
  60_000,
);
