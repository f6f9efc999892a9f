import { describe, expect, test } from 'vitest';
import { chosen } from '../support/real-servers/chosen.ts';
import { GUARDED, missingForGuarded, startGuarded } from '../support/real-servers/guarded.ts';
import { FORMS, passes, POLICIES, privatePath } from '../support/real-servers/private-paths.ts';
import { seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** what policy keeps from an agent, no server gives it under another path. */

const SECONDS = FUZZ_SECONDS / 16;
const BATCH = 200;

const SERVERS = chosen(GUARDED, missingForGuarded).map((name) => ({ name, missing: missingForGuarded(name) }));

describe.each(SERVERS)('$name', ({ name, missing }) => {
  test.skipIf(missing !== undefined)(
    missing === undefined ? 'keeps what is private' : `(it needs ${missing})`,
    { timeout: SECONDS * 16_000 + 120_000 },
    async () => {
      const server = await startGuarded(name);
      const found = new Set<string>();
      const counts = { made: 0, passed: 0, answered: 0 };
      try {
        expect(await server.tells(['/private/marker.txt', '/public/a.txt'])).toEqual([true, false]);
        for (const policy of POLICIES) {
          for (const forms of FORMS) {
            const end = performance.now() + SECONDS * 1000;
            for (let seed = FUZZ_SEED; performance.now() < end; seed += 1) {
              const random = seededRandom(seed);
              const paths = new Set<string>();
              while (paths.size < BATCH) {
                counts.made += 1;
                const path = passes(privatePath(random), policy, forms);
                if (path !== undefined) paths.add(path);
              }
              const told = await server.tells([...paths]);
              counts.passed += told.length;
              counts.answered += told.filter((one) => one !== undefined).length;
              for (const [at, path] of [...paths].entries()) {
                if (told[at] === true) found.add(`${policy}, ${forms.encodedSlash ? 'all forms' : 'strict'}: ${path}`);
              }
            }
          }
        }
      } finally {
        server.close();
      }
      console.log(`${name}: ${JSON.stringify(counts)}`);
      expect([...found]).toEqual([]);
    },
  );
});
