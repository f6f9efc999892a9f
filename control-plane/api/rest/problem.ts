import { SidekeyError, UsageError } from '../../../common/errors.ts';
import { keyOf, ResourceError, type ResourceIssue } from '../../resources/resource-error.ts';
import { KeyFileUnusable } from '../../store/rotate-sealing.ts';
import { StoreUnavailable } from '../../store/sql-store.ts';

/** An answer of application/problem+json (RFC 9457). */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly object[];
}

/** A refusal with the status that says what kind of refusal it is. */
export class RestError extends SidekeyError {
  readonly status: number;
  readonly errors: readonly object[] | undefined;

  constructor(status: number, code: string, message: string, errors?: readonly object[]) {
    super(code, message);
    this.status = status;
    this.errors = errors;
  }
}

export const PROBLEM_TYPE = 'application/problem+json';

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'resources-invalid': 422,
  'too-many-resources': 422,
  'resource-unknown': 404,
  'resource-in-use': 409,
  'resource-outdated': 409,
  'tenant-unknown': 404,
  'tenant-in-use': 409,
  'session-unknown': 404,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is malformed.',
  401: 'An administrator must authenticate.',
  403: 'This administrator may not do this.',
  404: 'There is no such thing.',
  409: 'Something else stands against it.',
  413: 'The request is too large.',
  415: 'Send application/json.',
  422: 'The resources are not valid.',
  500: 'A bug in Sidekey.',
  503: 'The control plane cannot serve now.',
};

/** The problem that an error is answered with; what is not meant for callers becomes a bare 500. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RestError) return makeProblem(error.status, error.code, error.message, error.errors);
  if (error instanceof ResourceError) {
    const [detail = ''] = error.message.split('\n');
    const errors = error.issues.map(placeOf);
    return makeProblem(statusOf(error), error.code, detail, errors.length === 0 ? undefined : errors);
  }
  if (error instanceof UsageError) return makeProblem(statusOf(error), error.code, error.message);
  if (error instanceof StoreUnavailable) return makeProblem(503, error.code, `Try again later: ${error.message}.`);
  if (error instanceof KeyFileUnusable) return makeProblem(503, error.code, error.message);
  const status = frameworkStatus(error);
  if (status !== undefined) return makeProblem(status, 'bad-request', error instanceof Error ? error.message : '');
  return makeProblem(500, 'internal-error', 'The log of the control plane says more.');
}

/** An issue as it is told: with the whole name of its resource. */
export function placeOf(issue: ResourceIssue): ResourceIssue & { readonly resource: string } {
  return { ...issue, resource: keyOf(issue.kind, issue.name) };
}

function statusOf({ code }: UsageError): number {
  return STATUS_BY_CODE[code] ?? 400;
}

function makeProblem(status: number, code: string, detail: string, errors?: readonly object[]): Problem {
  return { status, code, title: titleOf(status), detail, ...(errors ? { errors } : {}) };
}

/** What a status says of every problem that has it. */
export function titleOf(status: number): string {
  return TITLES[status] ?? 'Refused.';
}

/** Fastify's own refusals (validation, body size, content type) are the caller's fault and safe to repeat. */
function frameworkStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return undefined;
  const { statusCode, code } = error;
  const isOurs = typeof code === 'string' && code.startsWith('FST_');
  return isOurs && typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}
