import { z } from 'zod';
import { isDeeper, MAX_LEVELS } from './nesting.ts';
import { API_VERSION, type Kind, KINDS, metadata, type Resource, SPECS } from './kinds.ts';

/** What is wrong with one field. `path` leads to it from the document's root. */
export interface FieldIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type ParsedResource =
  | { readonly ok: true; readonly resource: Resource }
  | { readonly ok: false; readonly issues: readonly FieldIssue[] };

const envelope = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.enum(KINDS),
  metadata,
  spec: z.unknown().refine((spec) => spec !== undefined, { error: 'is missing' }),
});

/** Checks one document as JSON or YAML gave it, and fills in defaults. Messages never repeat values. */
export function parseResource(value: unknown): ParsedResource {
  if (isDeeper(value, MAX_LEVELS)) {
    return { ok: false, issues: [{ path: [], message: `is nested more than ${MAX_LEVELS} levels deep` }] };
  }
  const head = envelope.safeParse(value);
  if (!head.success) return { ok: false, issues: flattenIssues(head.error.issues) };
  const { kind, metadata: about, spec } = head.data;
  const body = SPECS[kind].safeParse(spec);
  if (!body.success) {
    const issues = flattenIssues(body.error.issues);
    return { ok: false, issues: issues.map((issue) => ({ ...issue, path: ['spec', ...issue.path] })) };
  }
  return { ok: true, resource: makeResource(kind, about, body.data) };
}

/** The one place that joins a kind with the spec that its own definition has just parsed. */
function makeResource(kind: Kind, about: z.output<typeof metadata>, spec: unknown): Resource {
  return { apiVersion: API_VERSION, kind, metadata: about, spec } as Resource;
}

function flattenIssues(issues: readonly z.core.$ZodIssue[]): FieldIssue[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown field' }));
    }
    if (issue.code === 'invalid_type' && issue.input === undefined && issue.message.endsWith('received undefined')) {
      return [{ path, message: 'is missing' }];
    }
    return [{ path, message: issue.message }];
  });
}
