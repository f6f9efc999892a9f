/** All of them in `npm run fuzz`; `npm test` has time for two, which differ from run to run. */
export function chosen(names: readonly string[]): readonly string[] {
  if (process.env['FUZZ_SECONDS'] !== undefined) return names;
  const first = Math.floor(Math.random() * names.length);
  return [...names.slice(first), ...names].slice(0, 2);
}
