import { expect, it } from 'vitest';
import { documentSchema, type JsonSchema, specSchema } from '../../../../control-plane/resources/json-schema.ts';
import { KINDS, API_VERSION } from '../../../../control-plane/resources/kinds.ts';

interface Row {
  readonly field: string;
  readonly type: string;
  readonly needed: string;
  readonly text: string;
}

/** The reference page of all resources, in Markdown, from the definitions themselves. */
function writeReference(): string {
  const intro = [
    '# Resources',
    '',
    '<!-- Generated from control-plane/resources; do not edit. `npx vitest run test/unit/control-plane/resources -u` writes it. -->',
    '',
    `Each document has \`apiVersion: ${API_VERSION}\`, \`kind\`, \`metadata\` and \`spec\`. \`metadata\` takes \`name\` (needed: 1 to 63 of`,
    'a-z, 0-9, "-" and "."), `description` and `labels`. Unknown fields are refused. `resources.schema.json` beside this page is the JSON',
    'Schema for editors: with `# yaml-language-server: $schema=PATH` as its first line, PATH being relative to the file, a file of',
    'resources is completed and checked as you type.',
  ];
  const kinds = KINDS.flatMap((kind) => {
    const schema = specSchema(kind);
    return ['', `## ${kind}`, '', schema.description ?? '', ...variantsOf(schema).flatMap(describeVariant)];
  });
  return `${[...intro, ...kinds].join('\n')}\n`;
}

function describeVariant(schema: JsonSchema, _index: number, all: readonly JsonSchema[]): string[] {
  const title =
    all.length === 1
      ? []
      : ['', `### type: ${String(schema.properties?.['type']?.const)}`, '', schema.description ?? ''];
  const rows = rowsOf(schema, '');
  const table = rows.map((row) => `| \`${row.field}\` | ${row.type} | ${row.needed} | ${row.text} |`);
  return rows.length === 0
    ? title
    : [...title, '', '| field | type | default | meaning |', '|---|---|---|---|', ...table];
}

/** The alternatives of a schema, or the schema as its own only one. */
function variantsOf(schema: JsonSchema): readonly JsonSchema[] {
  return schema.oneOf ?? schema.anyOf ?? [schema];
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const field = `${prefix}${name}`;
    const needed = schema.required?.includes(name) === true;
    return [rowOf(field, property, needed), ...nestedRows(field, property)];
  });
}

function nestedRows(field: string, schema: JsonSchema): Row[] {
  // What another resource's table has.
  if (schema.description?.startsWith('As `') === true) return [];
  if (schema.type === 'array') return schema.items ? nestedRows(`${field}[]`, schema.items) : [];
  const seen = new Map<string, Row>();
  const variants = variantsOf(schema);
  for (const variant of variants) {
    for (const found of rowsOf(variant, `${field}.`)) {
      const everywhere = variants.every((one) => one.properties?.[nameAt(found.field, field)] !== undefined);
      const row = everywhere || found.needed !== 'needed' ? found : { ...found, needed: 'in this form' };
      const known = seen.get(row.field);
      const type = known === undefined || known.type === row.type ? row.type : `${known.type}, ${row.type}`;
      seen.set(row.field, { ...row, type, text: known?.text || row.text });
    }
  }
  return [...seen.values()];
}

/** `b` of `a.b.c`, below `a`. */
function nameAt(path: string, parent: string): string {
  return /^[^.[]+/.exec(path.slice(parent.length + 1))?.[0] ?? '';
}

function rowOf(field: string, schema: JsonSchema, needed: boolean): Row {
  const fallback = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
  return {
    field,
    type: typeOf(schema),
    needed: needed ? 'needed' : fallback,
    text: (schema.description ?? '').replaceAll('|', '\\|'),
  };
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'values'}`;
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return [...new Set(variants.map(typeOf))].join(' or ');
  return schema.type ?? 'any';
}

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
