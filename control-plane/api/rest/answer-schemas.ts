import { REASONS } from '../../../proto/reasons.ts';
import { OUTCOMES } from '../../audit/decision-entry.ts';
import { REVOCATION_TARGETS } from '../../policy/facts.ts';
import { type JsonSchema, documentSchema } from '../../resources/json-schema.ts';
import { KINDS } from '../../resources/kinds.ts';

/** JSON Schemas (2020-12) of what callers get: the OpenAPI document shows them, and no answer is written by them. */

const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };
const yesOrNo = { type: 'boolean' };
const time = { type: 'string', format: 'date-time' };
const textOrNull = { type: ['string', 'null'] };
const timeOrNull = { type: ['string', 'null'], format: 'date-time' };
const texts = { type: 'array', items: text };
const reason = { type: 'string', enum: Object.keys(REASONS) };

/** Those named in `optional` may be absent. */
function object(properties: Readonly<Record<string, object>>, ...optional: readonly string[]): object {
  return { type: 'object', properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) };
}

function described(description: string, schema: object): object {
  return { ...schema, description };
}

function listOf(name: string): object {
  return { type: 'array', items: referTo(name) };
}

export function referTo(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

const OTHERS = {
  Problem: described(
    'A refusal (RFC 9457). `code` is stable; `title` and `detail` are for people.',
    object({ status: count, code: text, title: text, detail: text, errors: listOf('ProblemPlace') }, 'errors'),
  ),
  ProblemPlace: described(
    'What is wrong with one resource, and where it was written.',
    object(
      { resource: text, kind: text, name: text, field: text, message: text, file: text, line: count },
      ...['resource', 'kind', 'name', 'file', 'line'],
    ),
  ),
  Status: object({ status: { type: 'string', enum: ['ok', 'ready'] } }),
  Resources: object({ resources: listOf('Resource') }),
  ApplyResult: object({
    changes: listOf('Change'),
    policyVersion: count,
    dryRun: yesOrNo,
    warnings: described('What was applied, and is most likely a slip.', listOf('ProblemPlace')),
  }),
  Change: object({
    kind: { type: 'string', enum: KINDS },
    name: text,
    action: { type: 'string', enum: ['created', 'updated', 'deleted', 'unchanged', 'kept'] },
    fields: listOf('FieldChange'),
  }),
  FieldChange: described(
    'Values are JSON as text, absent where there is none; of secrets it says only that they changed.',
    object({ path: text, before: text, after: text }, 'before', 'after'),
  ),
  Decisions: object({ decisions: listOf('Decision') }),
  Decision: object(
    {
      position: described('Rises with every stored decision of the tenant; the value of `after`.', count),
      id: text,
      at: time,
      instanceId: text,
      sequence: count,
      missingBefore: described('How many records of this proxy are missing before this one.', count),
      sessionId: text,
      workloads: texts,
      user: text,
      destination: object({ scheme: text, host: text, port: count }),
      serverWorkload: text,
      method: text,
      path: text,
      action: text,
      outcome: { type: 'string', enum: OUTCOMES },
      reason,
      accessPolicy: text,
      credentialProvider: text,
      grantId: text,
      fromCache: yesOrNo,
      status: count,
      upstreamAddress: text,
      requestBytes: count,
      responseBytes: count,
      durationUs: count,
      removedCredentials: texts,
      scrubbed: count,
    },
    'missingBefore',
  ),
  LogReport: object({
    ok: described('Every chain and every checkpoint holds.', yesOrNo),
    chains: listOf('Chain'),
    checkpoints: object({ count, latest: text, fault: text }, 'latest', 'fault'),
  }),
  Chain: object(
    {
      instanceId: text,
      records: count,
      sealed: described('Sequence of the last record that a checkpoint vouches for.', count),
      gaps: { type: 'array', items: object({ first: count, last: count }) },
      lastHash: text,
      fault: text,
    },
    'fault',
  ),
  Revocations: object({ revocations: listOf('Revocation') }),
  Revocation: object({
    id: text,
    target: { type: 'string', enum: REVOCATION_TARGETS },
    name: text,
    reason: textOrNull,
    createdBy: text,
    createdAt: time,
    liftedAt: timeOrNull,
    liftedBy: textOrNull,
  }),
  Sessions: object({ sessions: listOf('Session') }),
  Session: object({
    id: text,
    instanceId: text,
    workloads: texts,
    trustProviders: texts,
    user: textOrNull,
    proxyVersion: textOrNull,
    createdAt: time,
    notAfter: time,
    endedAt: timeOrNull,
  }),
  Explanation: object(
    {
      outcome: { type: 'string', enum: ['allow', 'deny'] },
      reason,
      summary: text,
      nextStep: text,
      policy: text,
      condition: text,
      detail: text,
      serverWorkload: text,
      credentialProviders: texts,
      leaseSeconds: { type: 'number', minimum: 0 },
      steps: {
        type: 'array',
        items: object({
          check: text,
          name: text,
          outcome: { type: 'string', enum: ['pass', 'fail', 'skip'] },
          detail: text,
        }),
      },
    },
    ...['policy', 'condition', 'detail', 'serverWorkload'],
  ),
  Placeholders: object({
    placeholders: {
      type: 'array',
      items: object({
        placeholder: text,
        credentialProvider: text,
        accessPolicy: text,
        serverWorkload: text,
        in: text,
        name: text,
        environment: text,
      }),
    },
  }),
  KeyRotation: object({
    resealed: described('Stored values that were sealed under an older key.', count),
    rotated: described('Purposes whose signing keys were replaced.', texts),
  }),
  OpenIdConfiguration: described('OpenID Connect Discovery 1.0 section 3.', {
    type: 'object',
    required: ['issuer', 'jwks_uri'],
    properties: { issuer: text, jwks_uri: text },
    additionalProperties: true,
  }),
  JsonWebKeySet: described('RFC 7517 section 5.', object({ keys: { type: 'array', items: { type: 'object' } } })),
} as const;

export type SchemaName = keyof typeof OTHERS | 'Resource';

/** All of them by name, with that of resources, which the parser's own definitions make. */
export function answerSchemas(): Readonly<Record<string, object>> {
  const { $schema: _draft, $defs = {}, ...resource } = documentSchema();
  return rebase({ Resource: resource, ...($defs as Record<string, JsonSchema>), ...OTHERS });
}

/** References lead from the root of the OpenAPI document, not from that of a schema. */
function rebase(schemas: Readonly<Record<string, object>>): Readonly<Record<string, object>> {
  return JSON.parse(JSON.stringify(schemas).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
