import { FUZZ_SEED } from '../time-box.ts';

/** All of them in `npm run fuzz`; `npm test` has time for two of those that are there, which the seed tells. */
export function chosen(names: readonly string[], missingFor: (name: string) => string | undefined): readonly string[] {
  if (process.env['FUZZ_SECONDS'] !== undefined) return names;
  const first = FUZZ_SEED % names.length;
  const inTurn = [...names.slice(first), ...names.slice(0, first)];
  const there: string[] = [];
  for (const name of inTurn) if (there.length < 2 && missingFor(name) === undefined) there.push(name);
  return there;
}
