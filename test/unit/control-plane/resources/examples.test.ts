import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { checkResource } from '../../../../control-plane/policy/check-resource.ts';
import { parseDocuments } from '../../../../control-plane/resources/parse-documents.ts';

const root = new URL('../../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

it.each(readdirSync(new URL('examples/policies/', root)))('examples/policies/%s can be applied', (file) => {
  const { errors, resources } = parseDocuments(read(`examples/policies/${file}`), file);
  expect(errors).toEqual([]);
  expect(resources.length).toBeGreaterThan(0);
  expect(resources.flatMap(({ resource }) => checkResource(resource, new Map()))).toEqual([]);
});

const schemaAllows = new Ajv2020({ strict: false }).compile(JSON.parse(read('docs/reference/resources.schema.json')));

it.each(readdirSync(new URL('examples/policies/', root)))(
  'an editor finds no fault in examples/policies/%s',
  (file) => {
    for (const document of parseAllDocuments(read(`examples/policies/${file}`))) {
      expect(schemaAllows(document.toJS()), JSON.stringify(schemaAllows.errors)).toBe(true);
    }
  },
);

it('an editor shows a field that is misspelt', () => {
  const [first] = parseAllDocuments(read('examples/policies/github.yaml'));
  const workload = first?.toJS() as object;
  expect(schemaAllows({ ...workload, spec: { hots: ['api.github.com'] } })).toBe(false);
});

it.each(readdirSync(new URL('docs/injection/', root)))('docs/injection/%s shows what a policy takes', (page) => {
  const credentials = /```yaml\n([\s\S]*?)```/.exec(read(`docs/injection/${page}`))?.[1] ?? '';
  const head = 'apiVersion: sidekey.dev/v1\nkind: AccessPolicy\nmetadata: { name: a }\nspec:\n';
  const spec = `clientWorkload: a\nserverWorkload: b\n${credentials}`.replaceAll(/^(?=.)/gm, '  ');
  expect(credentials).toContain('inject:');
  expect(parseDocuments(head + spec, page).errors).toEqual([]);
});
