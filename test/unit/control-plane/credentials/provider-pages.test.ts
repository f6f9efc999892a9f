import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TrustProviderSpec } from '../../../../control-plane/resources/kinds.ts';
import type * as resources from '../../../../control-plane/resources/kinds.ts';
import { parseDocuments } from '../../../../control-plane/resources/parse-documents.ts';

const DOCS = new URL('../../../../docs/', import.meta.url);
const PAGES = ['trust-providers', 'credential-providers'].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, DOCS)).map((file) => `${folder}/${file}`),
);
const SECTIONS = ['**Checked.**', '**Limits.**'];

describe('pages of trust and credential providers', () => {
  test.each(PAGES)('%s has the headings and an example that parses', (page) => {
    const text = readFileSync(new URL(page, DOCS), 'utf8');
    for (const section of SECTIONS) expect(text).toContain(section);
    const yaml = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const { resources: parsed, errors } = parseDocuments(yaml, page);
    expect(errors).toEqual([]);
    const types = parsed.flatMap(({ resource }) => ('type' in resource.spec ? `${resource.spec.type}.md` : []));
    expect(types).toEqual([page.slice(page.indexOf('/') + 1)]);
  });

  test('what resources hold is what verifiers take', () => {
    const accepts = (spec: resources.TrustProviderSpec): TrustProviderSpec => spec;
    expect(accepts({ type: 'local' })).toEqual({ type: 'local' });
  });
});
