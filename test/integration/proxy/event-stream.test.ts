import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECRET } from '../../support/worlds/proxy-world.ts';
import { startTellingWorld, type TellingWorld } from '../../support/upstreams/told-stream.ts';

const MASK = '*'.repeat(SECRET.length);
const PATIENCE_MS = 30_000;

let telling: TellingWorld;
beforeAll(async () => {
  telling = await startTellingWorld();
}, 60_000);
afterAll(() => telling.close());

describe.each([1, 2] as const)('an agent of HTTP/%s', (agent) => {
  test.each([1, 2] as const)(
    'hears each event of an HTTP/%s upstream before the next is said',
    async (upstream) => {
      const told = await telling.tell({ agent, upstream }, { 'content-type': 'text/event-stream' });
      let expected = '';
      for (let at = 0; at < 5; at += 1) {
        const isSecret = at === 3;
        told.say(Buffer.from(`data: ${at} ${isSecret ? SECRET : ''}\n\n`));
        expected += `data: ${at} ${isSecret ? MASK : ''}\n\n`;
        // The next one is not said before this one was heard: a proxy that waits for more waits for ever.
        expect(await told.heard(expected.length, PATIENCE_MS)).toBe(true);
      }
      told.end();
      expect(told.body().toString()).toBe(expected);
    },
    2 * PATIENCE_MS,
  );
});

test('a long poll is held as long as the upstream likes, then answered at once', async () => {
  const told = await telling.tell({ agent: 1, upstream: 1 }, { 'content-type': 'text/plain' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(told.body()).toHaveLength(0);
  told.say(Buffer.from('news'));
  told.end();
  expect(await told.heard(4, PATIENCE_MS)).toBe(true);
  expect(told.body().toString()).toBe('news');
});
