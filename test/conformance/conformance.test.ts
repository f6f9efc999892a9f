import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RFC9110 } from './rfc9110.ts';
import { RFC9112_REQUESTS } from './rfc9112-requests.ts';
import { RFC9112_RESPONSES } from './rfc9112-responses.ts';
import { RFC9113_AGENT } from './rfc9113-agent.ts';
import { type ConformanceWorld, startConformanceWorld } from './world.ts';

const CASES = [...RFC9110, ...RFC9112_REQUESTS, ...RFC9112_RESPONSES, ...RFC9113_AGENT];
const LEAST = 150;

let world: ConformanceWorld;
beforeAll(async () => {
  world = await startConformanceWorld();
});
beforeEach(() => world.reset());
afterAll(() => world.close());

describe('a running proxy keeps to', () => {
  test.each(CASES)('$section: $rule', async ({ run }) => run(world));
});

test(`there are at least ${LEAST} cases, and no two say the same`, () => {
  const byRfc = new Map<string, number>();
  for (const { section } of CASES) {
    const rfc = section.split(' ').slice(0, 2).join(' ');
    byRfc.set(rfc, (byRfc.get(rfc) ?? 0) + 1);
  }
  const counts = [...byRfc].map(([rfc, count]) => `${rfc}: ${count}`).join(', ');
  console.log(`conformance cases, ${CASES.length} in all: ${counts}`);
  expect(new Set(CASES.map(({ section, rule }) => `${section} ${rule}`)).size).toBe(CASES.length);
  expect(CASES.length).toBeGreaterThanOrEqual(LEAST);
});
