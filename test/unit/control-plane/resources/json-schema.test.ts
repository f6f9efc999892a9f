import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { fieldNames } from '../../../../control-plane/resources/json-schema.ts';

// What an editor does with docs/reference/resources.schema.json: read it, references included, and hold documents against it.
const schema = z.fromJSONSchema(JSON.parse(readFileSync('docs/reference/resources.schema.json', 'utf8')));
const isResource = (document: unknown): boolean => schema.safeParse(document).success;
// Not the one with a "p" in its paths: this reader takes `\p{Cc}` without the flag `u` that JSON Schema means.
const FILES = ['github.yaml', 'telegram.yaml'];
const examples = FILES.flatMap((file) =>
  parseAllDocuments(readFileSync(`examples/policies/${file}`, 'utf8')).map((one): unknown => one.toJS()),
);
const resource = (kind: string, spec: object) => ({
  apiVersion: 'sidekey.dev/v1',
  kind,
  metadata: { name: 'a' },
  spec,
});

it('takes the examples', () => {
  expect(examples.length).toBeGreaterThan(5);
  for (const document of examples) expect(isResource(document), JSON.stringify(document)).toBe(true);
});

it.each([
  ['claims of any depth', true, resource('CredentialProvider', jwt({ a: [{ b: ['{{user}}', 1, null] }] }))],
  ['a claim that JSON does not have', false, resource('CredentialProvider', jwt({ a: undefined, b: () => 1 }))],
  ['a field that is not known', false, resource('ServerWorkload', { hosts: ['a.example.com'], prot: 'http' })],
  ['a field that is missing', false, resource('ServerWorkload', { ports: [443] })],
  ['an unknown kind', false, resource('Server', {})],
])('%s: %s', (_title, isValid, document) => {
  expect(isResource(document)).toBe(isValid);
});

function jwt(claims: object): object {
  return { type: 'jwt', audience: 'a', subject: 's', claims };
}

it('names of fields are gathered once a kind, since an answer may ask for them ten thousand times', () => {
  const names = fieldNames('AccessPolicy');
  expect(names).toEqual(expect.arrayContaining(['clientWorkload', 'rules', 'methods']));
  expect(fieldNames('AccessPolicy')).toBe(names);
  expect(fieldNames('Tenant')).toEqual(['displayName', 'owner', 'maxResources']);
});
