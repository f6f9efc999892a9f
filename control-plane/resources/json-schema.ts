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
}

/** Schema of one kind's `spec`, as people write it: fields with defaults may be left out. */
export function specSchema(kind: Kind): JsonSchema {
  return toSchema(SPECS[kind]);
}

const fieldNamesByKind = new Map<Kind, readonly string[]>();

/** Every name that a field of this kind's `spec` may have, at whatever depth. Gathered once: it takes some milliseconds. */
export function fieldNames(kind: Kind): readonly string[] {
  const known = fieldNamesByKind.get(kind) ?? gatherFieldNames(kind);
  fieldNamesByKind.set(kind, known);
  return known;
}

function gatherFieldNames(kind: Kind): readonly string[] {
  const names = new Set<string>();
  const look = (at: unknown): void => {
    if (typeof at !== 'object' || at === null) return;
    for (const [keyword, inner] of Object.entries(at)) {
      if (keyword === 'properties') for (const name of Object.keys(inner as object)) names.add(name);
      look(inner);
    }
  };
  look(specSchema(kind));
  return [...names];
}

/** Schema of any document, for editors. */
export function documentSchema(): JsonSchema {
  // Read as one, so that what they share is defined once, at the root: that is where references lead.
  const { properties = {}, $defs } = toSchema(z.object({ ...SPECS, metadata }));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sidekey resource',
    $defs,
    oneOf: KINDS.map((kind) => ({
      title: kind,
      type: 'object',
      additionalProperties: false,
      required: ['apiVersion', 'kind', 'metadata', 'spec'],
      properties: {
        apiVersion: { const: API_VERSION },
        kind: { const: kind },
        metadata: properties['metadata'] ?? {},
        spec: properties[kind] ?? {},
      },
    })),
  };
}

function toSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest as JsonSchema;
}
