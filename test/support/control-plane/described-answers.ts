import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';

/** An OpenAPI document, as far as checking answers against it needs it. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface Operation {
  readonly security?: unknown;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

export interface SeenAnswer {
  readonly method: string;
  /** Path, with or without a query. */
  readonly url: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Holds answers against what the document says of their route: status, content type, and a schema without other fields. */
export class DescribedAnswers {
  readonly #document: OpenApiDocument;
  readonly #ajv: Ajv2020;
  /** Routes with statuses that were seen. */
  readonly seen = new Set<string>();

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': RFC_3339 } });
    this.#ajv.addSchema(closed({ $id: 'openapi:', components: document.components }) as object);
  }

  check({ method, url, status, contentType, body }: SeenAnswer): void {
    const path = url.split('?', 1)[0] ?? '';
    const template = Object.keys(this.#document.paths).find((one) => patternOf(one).test(path));
    // A path that is no route is answered without being described.
    if (template === undefined) return;
    const what = `${method} ${template} ${status}`;
    this.seen.add(what);
    const response = this.#document.paths[template]?.[method.toLowerCase()]?.responses[String(status)];
    expect(response, `${what} is described`).toBeDefined();
    const type = contentType?.split(';', 1)[0];
    expect(type === undefined ? [] : [type], `content type of ${what}`).toEqual(
      type === undefined
        ? Object.keys(response?.content ?? {})
        : [expect.toBeOneOf(Object.keys(response?.content ?? {}))],
    );
    const schema = response?.content?.[type ?? '']?.schema;
    if (schema === undefined) return;
    const rebased: unknown = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi:#/'));
    const isValid = this.#ajv.compile(rebased as object);
    isValid(body);
    expect(isValid.errors ?? [], `${what}: ${JSON.stringify(body)}`).toEqual([]);
  }
}

function patternOf(template: string): RegExp {
  const literal = template.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/** The same schema, with objects that have no other fields than those it names. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  const isOpen = inner['type'] === 'object' && 'properties' in inner && !('additionalProperties' in inner);
  return isOpen ? { ...inner, additionalProperties: false } : inner;
}
