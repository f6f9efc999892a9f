import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLASSES, PENDING } from './pending.ts';

test('every attack class has a test or a reason for having none', () => {
  const tested = new Set<string>();
  for (const file of readdirSync(import.meta.dirname)) {
    if (!file.endsWith('.test.ts') || file.startsWith('count.')) continue;
    const text = readFileSync(`${import.meta.dirname}/${file}`, 'utf8');
    // Ids stand at the start of the names of tests and of describes, or of the rows of a table of tests.
    for (const [, ids = ''] of text.matchAll(/(?:\(|\[)\s*'((?:A-\d\d ?)+)/g)) {
      for (const id of ids.trim().split(' ')) tested.add(id);
    }
  }
  const pending = new Set(Object.keys(PENDING));
  console.log(`attack classes: ${tested.size} tested against the running proxy, ${pending.size} pending`);
  for (const [id, reason] of Object.entries(PENDING)) console.log(`  ${id} pending: ${reason}`);
  expect([...tested].filter((id) => pending.has(id))).toEqual([]);
  expect([...tested, ...pending].sort()).toEqual(CLASSES);
});
