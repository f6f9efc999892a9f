import { expect, it } from 'vitest';
import { documentSchema } from '../../../../control-plane/resources/json-schema.ts';
import { writeReference } from '../../../support/resources-reference.ts';
import { KINDS } from '../../../../control-plane/resources/kinds.ts';

const docs = new URL('../../../../docs/reference/', import.meta.url).pathname;

it('keeps the reference page as the definitions say', async () => {
  await expect(writeReference()).toMatchFileSnapshot(`${docs}resources.md`);
});

it('keeps the JSON Schema as the definitions say', async () => {
  await expect(`${JSON.stringify(documentSchema(), undefined, 2)}\n`).toMatchFileSnapshot(
    `${docs}resources.schema.json`,
  );
});

it('describes every field of every kind', () => {
  const undescribed = writeReference()
    .split('\n')
    .filter(
      (line) =>
        line.startsWith('| `') &&
        line.endsWith('|  |') &&
        !/\| `[\w-]+`(?:, `[\w-]+`)* \|/.test(line.slice(line.indexOf('` |'))),
    );
  expect(undescribed).toEqual([]);
  for (const kind of KINDS) expect(writeReference()).toContain(`## ${kind}`);
});
