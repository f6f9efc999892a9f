import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PASS_THROUGH } from './pass-through.ts';
import { RFC9110 } from './rfc9110.ts';
import { RFC9110_ROUTING } from './rfc9110-routing.ts';
import { RFC9112_CONNECTIONS } from './rfc9112-connections.ts';
import { RFC9112_REQUESTS } from './rfc9112-requests.ts';
import { RFC9112_RESPONSES } from './rfc9112-responses.ts';
import { RFC9113_AFTER_THE_END } from './rfc9113-after-the-end.ts';
import { RFC9113_CONNECTIONS } from './rfc9113-connections.ts';
import { RFC9113_FRAMES } from './rfc9113-frames.ts';
import { RFC8441, RFC9113_REQUESTS } from './rfc9113-requests.ts';
import { RFC9113_UPSTREAM_FAULTS } from './rfc9113-upstream-faults.ts';
import { RFC9113_UPSTREAMS } from './rfc9113-upstreams.ts';
import { type ConformanceWorld, startConformanceWorld } from './world.ts';

const CASES = [
  ...RFC9110,
  ...RFC9110_ROUTING,
  ...RFC9112_REQUESTS,
  ...RFC9112_RESPONSES,
  ...RFC9112_CONNECTIONS,
  ...RFC9113_CONNECTIONS,
  ...RFC9113_FRAMES,
  ...RFC9113_REQUESTS,
  ...RFC9113_AFTER_THE_END,
  ...RFC9113_UPSTREAMS,
  ...RFC9113_UPSTREAM_FAULTS,
  ...RFC8441,
  ...PASS_THROUGH,
];
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
  const names = CASES.map(({ section, rule }) => `${section} ${rule}`);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  expect(CASES.length).toBeGreaterThanOrEqual(LEAST);
});
