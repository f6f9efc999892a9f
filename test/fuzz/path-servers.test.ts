import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalOf, confusingPath } from '../support/protocols/confusing-path.ts';
import { KNOWN_SERVERS, type PathServer } from '../support/upstreams/path-servers.ts';
import { FUZZ_SECONDS } from '../support/time-box.ts';

/** a path that is accepted means one thing: every server goes by the very bytes on which policy was decided. */

const SECONDS = FUZZ_SECONDS / 2;
const BATCH = 200;

function decoded(path: string): string {
  return path.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Accepted paths, from a seed on. */
function accepted(seed: number): string[] {
  const paths = fc.sample(confusingPath, { seed, numRuns: 20 * BATCH }).map((path) => canonicalOf(path));
  return paths.filter((path) => path !== undefined).slice(0, BATCH);
}

describe.each(KNOWN_SERVERS)('$name', ({ missing, start }) => {
  describe.skipIf(missing !== undefined)(missing === undefined ? 'is here' : `(it needs ${missing})`, () => {
    let server: PathServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.close());

    test('resolves what is refused, or the property says nothing', async () => {
      const confused = await server.read(['/a/../b', '/a/%2e%2e/b', '/a//b']);
      expect(confused.every((reading) => reading === '/b' || reading === '/a/b')).toBe(true);
    });

    test('reads accepted paths as they are', { timeout: (SECONDS + 60) * 1000 }, async () => {
      const end = performance.now() + SECONDS * 1000;
      let count = 0;
      for (let seed = Math.floor(Math.random() * 1e9); performance.now() < end; seed += 1) {
        const paths = accepted(seed);
        const readings = await server.read(paths);
        for (const [at, path] of paths.entries()) {
          const reading = readings[at];
          if (reading !== undefined) expect(reading, `seed ${seed}, ${path}`).toBe(decoded(path));
        }
        count += readings.filter((reading) => reading !== undefined).length;
      }
      console.log(`${count} paths read alike`);
      expect(count).toBeGreaterThan(0);
    });
  });
});
