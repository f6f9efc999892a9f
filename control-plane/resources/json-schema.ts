import { z } from 'zod';
import { API_VERSION, type Kind, KINDS, metadata, SPECS } from './kinds.ts';

/** A JSON Schema (2020-12) as far as the reference needs to read it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** Schema of one kind's `spec`, as people write it: fields with defaults may be left out. */
export function specSchema(kind: Kind): JsonSchema {
  return toSchema(SPECS[kind]);
}

/** Schema of any document, for editors. */
export function documentSchema(): JsonSchema {
  const about = toSchema(metadata);
  const definitions: Record<string, JsonSchema> = {};
  const oneOf = KINDS.map((kind) => ({
    title: kind,
    type: 'object',
    additionalProperties: false,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: API_VERSION },
      kind: { const: kind },
      metadata: about,
      spec: hoist(specSchema(kind), kind, definitions),
    },
  }));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sidekey resource',
    oneOf,
    $defs: definitions,
  };
}

/** Moves a schema's definitions to where its references look for them: at the root, under a name of the kind's own. */
function hoist(schema: JsonSchema, kind: Kind, definitions: Record<string, JsonSchema>): JsonSchema {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', `"#/$defs/${kind}.`);
  const { $defs = {}, ...rest }: JsonSchema = JSON.parse(text);
  for (const [name, definition] of Object.entries($defs)) definitions[`${kind}.${name}`] = definition;
  return rest;
}

function toSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest as JsonSchema;
}
