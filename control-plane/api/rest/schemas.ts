import { REASONS } from '../../../proto/reasons.ts';
import { RESOURCE_NAME } from '../../resources/fields.ts';
import { KINDS } from '../../resources/kinds.ts';
import { OUTCOMES } from '../../audit/decision-entry.ts';
import { REVOCATION_TARGETS } from '../../policy/facts.ts';

/** JSON Schemas of what callers send: fastify validates with them and the OpenAPI document shows them. */

const text = (maxLength: number, description?: string) => ({
  type: 'string',
  minLength: 1,
  maxLength,
  // PostgreSQL takes no NUL.
  pattern: '^[^\\0]*$',
  ...(description === undefined ? {} : { description }),
});

export const tenantHeader = {
  type: 'object',
  properties: { 'sidekey-tenant': text(63, 'Tenant that the call is about; `default` when absent.') },
} as const;

export const tenantParams = {
  type: 'object',
  properties: { tenant: { type: 'string', pattern: RESOURCE_NAME.source } },
} as const;

export const applyBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    documents: text(500_000, 'YAML documents; what is longer goes as `resources`, which are read faster.'),
    resources: { type: 'array', maxItems: 10_000, items: { type: 'object' }, description: 'The same as JSON.' },
    dryRun: { type: 'boolean', default: false },
    prune: { type: 'boolean', default: false },
  },
} as const;

export const kindParams = {
  type: 'object',
  required: ['kind'],
  properties: { kind: { type: 'string', enum: KINDS } },
} as const;

export const resourceParams = {
  type: 'object',
  required: ['kind', 'name'],
  properties: { kind: { type: 'string', enum: KINDS }, name: text(63) },
} as const;

export const explainBody = {
  type: 'object',
  additionalProperties: false,
  required: ['workload', 'url'],
  properties: {
    workload: text(63),
    url: text(8192),
    // A token (RFC 9110 9.1).
    method: { ...text(32), pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", default: 'GET' },
    headers: { type: 'array', maxItems: 100, items: text(8192) },
    body: { type: 'string', maxLength: 1_048_576 },
    user: text(1024),
    claims: { type: 'object' },
    trust: { type: 'array', maxItems: 64, items: text(63) },
  },
} as const;

export const decisionQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    id: text(256),
    workload: text(63),
    user: text(1024),
    host: text(253),
    serverWorkload: text(63),
    policy: text(63),
    session: text(256),
    instance: text(256),
    outcome: { type: 'string', enum: OUTCOMES },
    reason: { type: 'string', enum: Object.keys(REASONS) },
    since: { type: 'string', format: 'date-time' },
    until: { type: 'string', format: 'date-time' },
    after: {
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Only decisions stored after this position.',
    },
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    follow: {
      type: 'boolean',
      default: false,
      description: 'Answer with one JSON object a line as decisions are made.',
    },
  },
} as const;

export const liftBody = {
  type: 'object',
  additionalProperties: false,
  required: ['target', 'name'],
  properties: { target: { type: 'string', enum: REVOCATION_TARGETS }, name: text(1024) },
} as const;

export const revokeBody = { ...liftBody, properties: { ...liftBody.properties, reason: text(1000) } } as const;

export const idParams = { type: 'object', required: ['id'], properties: { id: text(256) } } as const;

export const listQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { all: { type: 'boolean', default: false, description: 'Also those that have ended.' } },
} as const;

export const workloadQuery = {
  type: 'object',
  additionalProperties: false,
  required: ['workload'],
  properties: { workload: text(63, 'Name of the client workload.') },
} as const;

export const verifyBody = {
  type: 'object',
  additionalProperties: false,
  required: ['checkpoint'],
  properties: { checkpoint: text(500_000, 'A checkpoint of this log that was kept elsewhere, as it was given.') },
} as const;

export const verifyQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { instance: text(256, 'Only the chain of this proxy.') },
} as const;
