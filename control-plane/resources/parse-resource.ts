import { z } from 'zod';
import { findNear } from '../../common/near-names.ts';
import { fieldNames } from './json-schema.ts';
import { isDeeper, MAX_LEVELS } from './nesting.ts';
import { withoutSecrets } from './secret-fields.ts';
import { findUnstorable } from '../store/storable.ts';
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
  if (!head.success) return { ok: false, issues: flattenIssues(head.error.issues, value, ENVELOPE_FIELDS) };
  const { kind, metadata: about, spec } = head.data;
  const body = SPECS[kind].safeParse(spec);
  if (!body.success) {
    const issues = flattenIssues(body.error.issues, spec, fieldNames(kind));
    return { ok: false, issues: issues.map((issue) => ({ ...issue, path: ['spec', ...issue.path] })) };
  }
  const resource = makeResource(kind, about, body.data);
  const unstorable = findUnstorable(withoutSecrets(resource));
  if (unstorable === undefined) return { ok: true, resource };
  return { ok: false, issues: [{ path: unstorable, message: 'holds NUL or half of a surrogate pair' }] };
}

/** The one place that joins a kind with the spec that its own definition has just parsed. */
function makeResource(kind: Kind, about: z.output<typeof metadata>, spec: unknown): Resource {
  return { apiVersion: API_VERSION, kind, metadata: about, spec } as Resource;
}

const ENVELOPE_FIELDS = [...Object.keys(envelope.shape), ...Object.keys(metadata.shape)];
/** To look for what was meant takes time, which a document of many strange fields could have much of. */
const MAX_GUESSES = 10;
const GUESSED_LENGTHS = { min: 4, max: 40 };

function flattenIssues(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  known: readonly string[],
): readonly FieldIssue[] {
  let guesses = 0;
  const describeUnknown = (key: string): string => {
    const canGuess = key.length >= GUESSED_LENGTHS.min && key.length <= GUESSED_LENGTHS.max;
    const [meant] = canGuess && guesses++ < MAX_GUESSES ? findNear(key, known) : [];
    if (meant === key) return 'unknown field here; it stands elsewhere';
    return meant === undefined ? 'unknown field' : `unknown field; did you mean ${meant}?`;
  };
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: describeUnknown(key) }));
    }
    const isPlain = issue.code === 'invalid_type' || (issue.code === 'invalid_union' && issue.message === ANY_UNION);
    return [{ path, message: isPlain && valueAt(value, path) === undefined ? 'is missing' : issue.message }];
  });
}

/** What zod says of a union that it cannot tell apart. */
const ANY_UNION = 'Invalid input';

function valueAt(value: unknown, path: FieldIssue['path']): unknown {
  let at = value;
  for (const part of path) at = typeof at === 'object' && at !== null ? Reflect.get(at, part) : undefined;
  return at;
}
