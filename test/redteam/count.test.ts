import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PENDING } from './pending.ts';

/** By attack, the names of the files that test it, or `pending: why`. */
type Proofs = Readonly<Record<string, string>>;

/** What docs/attacks.md says. */
function listed(): Proofs {
  const text = readFileSync(`${import.meta.dirname}/../../docs/attacks.md`, 'utf8');
  const rows = [...text.matchAll(/^\| (A-\d\d) \|.*\| ([^|]+) \|$/gm)].map(([, id = '', proof = '']) => [id, proof]);
  const ids = rows.map(([id = '']) => id);
  expect(ids).toEqual([...new Set(ids)].sort());
  return Object.fromEntries(rows);
}

/** What the tests say. */
function tested(): Proofs {
  const proofs: Record<string, string> = {};
  for (const file of readdirSync(import.meta.dirname).sort()) {
    if (!file.endsWith('.test.ts') || file.startsWith('count.')) continue;
    const text = readFileSync(`${import.meta.dirname}/${file}`, 'utf8');
    const ids = new Set<string>();
    // Ids stand at the start of the names of tests and of describes, or of the rows of a table of tests.
    for (const [, found = ''] of text.matchAll(/(?:\(|\[)\s*'((?:A-\d\d ?)+)/g)) {
      for (const id of found.trim().split(' ')) ids.add(id);
    }
    const name = file.slice(0, -'.test.ts'.length);
    for (const id of ids) proofs[id] = id in proofs ? `${proofs[id]}, ${name}` : name;
  }
  return proofs;
}

test('docs/attacks.md and the tests name the same attacks, each with the files that prove it, or why none does', () => {
  const proofs = tested();
  const pending = Object.entries(PENDING);
  console.log(
    `attack classes: ${Object.keys(proofs).length} tested against the running proxy, ${pending.length} pending`,
  );
  for (const [id, reason] of pending) console.log(`  ${id} pending: ${reason}`);
  expect(Object.keys(PENDING).filter((id) => id in proofs)).toEqual([]);
  const reasons = pending.map(([id, reason]) => [id, `pending: ${reason}`]);
  expect(listed()).toEqual({ ...proofs, ...Object.fromEntries(reasons) });
});
