import { readdirSync, readFileSync } from 'node:fs';
import { configDefaults, defineConfig } from 'vitest/config';

const units = readdirSync('test/unit', { recursive: true, encoding: 'utf8' }).map((name) => `test/unit/${name}`);
/** What puts modules or clocks in the place of others, or asks for the collector, does so to its whole process. */
const alone = units.filter(
  (file) => file.endsWith('.test.ts') && /vi\.mock\(|useFakeTimers|expose-gc/.test(readFileSync(file, 'utf8')),
);
const shared = ['test/unit/**/*.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      // Most of a unit test's time is the start of its process and the loading of what it tests.
      { extends: true, test: { name: 'unit', include: shared, exclude: alone, isolate: false } },
      { extends: true, test: { name: 'own process', include: alone } },
      {
        extends: true,
        test: { name: 'whole', include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...shared] },
      },
    ],
  },
});
