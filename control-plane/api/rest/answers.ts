import { answerSchemas, referTo, type SchemaName } from './answer-schemas.ts';
import { PROBLEM_TYPE, titleOf } from './problem.ts';

/** What a route answers when all is well, and which codes its refusals have, by status. */
interface Answer {
  readonly status: 200 | 201 | 204;
  /** Absent: an answer without content. */
  readonly schema?: SchemaName;
  /** Schema of each line, where the answer may also be lines of JSON without an end. */
  readonly lines?: SchemaName;
  readonly refusals: Codes;
}

type Codes = Readonly<Record<number, readonly string[]>>;

const PUBLIC: Codes = { 500: ['internal-error'] };
/** Of every route that wants an administrator; see `requireAdmin`. */
const GUARDED: Codes = {
  400: ['bad-request', 'tenant-invalid'],
  401: ['admin-required'],
  403: ['tenant-forbidden'],
  404: ['tenant-unknown'],
  500: ['internal-error'],
  503: ['store-unavailable'],
};
const WITH_BODY = merge(GUARDED, { 413: ['bad-request'], 415: ['bad-request'] });

/** By method and path. `test/integration/api/openapi.test.ts` compares it with the routes and with what they answer. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  'GET /healthz': { status: 200, schema: 'Status', refusals: PUBLIC },
  'GET /readyz': { status: 200, schema: 'Status', refusals: merge(PUBLIC, { 503: ['not-ready'] }) },
  'GET /tenants/{tenant}/.well-known/openid-configuration': {
    status: 200,
    schema: 'OpenIdConfiguration',
    refusals: merge(PUBLIC, { 400: ['bad-request'] }),
  },
  'GET /.well-known/jwks.json': { status: 200, schema: 'JsonWebKeySet', refusals: PUBLIC },
  'POST /v1/apply': {
    status: 200,
    schema: 'ApplyResult',
    refusals: merge(WITH_BODY, { 409: ['resource-outdated'], 422: ['resources-invalid', 'too-many-resources'] }),
  },
  'GET /v1/resources': { status: 200, schema: 'Resources', refusals: merge(GUARDED, { 409: ['resource-outdated'] }) },
  'GET /v1/resources/{kind}': {
    status: 200,
    schema: 'Resources',
    refusals: merge(GUARDED, { 409: ['resource-outdated'] }),
  },
  'GET /v1/resources/{kind}/{name}': {
    status: 200,
    schema: 'Resource',
    refusals: merge(GUARDED, { 404: ['resource-unknown'], 409: ['resource-outdated'] }),
  },
  'DELETE /v1/resources/{kind}/{name}': {
    status: 204,
    refusals: merge(GUARDED, {
      404: ['resource-unknown'],
      409: ['resource-in-use', 'resource-outdated', 'tenant-in-use'],
    }),
  },
  'GET /v1/decisions': { status: 200, schema: 'Decisions', lines: 'Decision', refusals: GUARDED },
  'GET /v1/verify-log': { status: 200, schema: 'LogReport', refusals: GUARDED },
  'POST /v1/verify-log': {
    status: 200,
    schema: 'LogReport',
    refusals: merge(WITH_BODY, { 400: ['checkpoint-unusable'] }),
  },
  'POST /v1/revocations': {
    status: 201,
    schema: 'Revocation',
    refusals: merge(WITH_BODY, { 400: ['tenant-mismatch'], 404: ['session-unknown'] }),
  },
  'GET /v1/revocations': { status: 200, schema: 'Revocations', refusals: GUARDED },
  'DELETE /v1/revocations': {
    status: 200,
    schema: 'Revocation',
    refusals: merge(WITH_BODY, { 404: ['revocation-unknown'] }),
  },
  'DELETE /v1/revocations/{id}': {
    status: 200,
    schema: 'Revocation',
    refusals: merge(GUARDED, { 404: ['revocation-unknown'] }),
  },
  'POST /v1/explain': {
    status: 200,
    schema: 'Explanation',
    refusals: merge(WITH_BODY, {
      400: ['workload-unknown', 'header-invalid', 'method-refused', 'url-invalid'],
      409: ['resource-outdated'],
    }),
  },
  'GET /v1/sessions': { status: 200, schema: 'Sessions', refusals: GUARDED },
  'POST /v1/keys/rotate': {
    status: 200,
    schema: 'KeyRotation',
    refusals: merge(WITH_BODY, { 503: ['key-file-unusable'] }),
  },
  'GET /v1/placeholders': {
    status: 200,
    schema: 'Placeholders',
    refusals: merge(GUARDED, { 400: ['workload-unknown'], 409: ['resource-outdated'] }),
  },
};

function merge(one: Codes, other: Codes): Codes {
  const statuses = [...Object.keys(one), ...Object.keys(other)].map(Number);
  return Object.fromEntries(statuses.map((status) => [status, [...(one[status] ?? []), ...(other[status] ?? [])]]));
}

/** An OpenAPI document, as far as answers are put into it. */
interface Described {
  readonly components?: { readonly schemas?: object };
  readonly paths?: Readonly<Record<string, object | undefined>>;
}

/** The document with the answers of every route, in place of those that its generator supposes. */
export function describeAnswers(document: Described): object {
  const paths = Object.entries(document.paths ?? {}).map(([path, methods = {}]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => {
        const answer = ANSWERS[`${method.toUpperCase()} ${path}`];
        return [method, answer === undefined ? operation : { ...operation, responses: responsesOf(answer) }];
      }),
    ),
  ]);
  return {
    ...document,
    paths: Object.fromEntries(paths),
    components: { ...document.components, schemas: answerSchemas() },
  };
}

function responsesOf({ status, schema, lines, refusals }: Answer): object {
  const content = {
    ...(schema === undefined ? {} : { 'application/json': { schema: referTo(schema) } }),
    ...(lines === undefined ? {} : { 'application/x-ndjson': { schema: referTo(lines) } }),
  };
  const done = { description: 'Done.', ...(schema === undefined ? {} : { content }) };
  const refused = Object.entries(refusals).map(([code, codes]) => [code, refusalOf(Number(code), codes)]);
  return { [status]: done, ...Object.fromEntries(refused) };
}

function refusalOf(status: number, codes: readonly string[]): object {
  const narrowed = { properties: { status: { const: status }, code: { enum: codes } } };
  return {
    description: titleOf(status),
    content: { [PROBLEM_TYPE]: { schema: { allOf: [referTo('Problem'), narrowed] } } },
  };
}
