/** NUL and halves of surrogate pairs, neither of which PostgreSQL takes in jsonb. */
const UNSTORABLE = /[\0\p{Cs}]/u;

/** Where in a JSON value, nested no deeper than stacks reach, the first text or name is that the database cannot store. */
export function findUnstorable(value: unknown): (string | number)[] | undefined {
  if (typeof value === 'string') return UNSTORABLE.test(value) ? [] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const found = UNSTORABLE.test(name) ? [] : findUnstorable(member);
    if (found !== undefined) return [Array.isArray(value) ? Number(name) : name, ...found];
  }
  return undefined;
}
