import { UsageError } from '../../common/errors.ts';
import { type LocatedResource, locateIssue } from './parse-documents.ts';

/** What is wrong with one resource of a set. */
export interface ResourceIssue {
  readonly kind: string;
  readonly name: string;
  /** Such as `spec.serverWorkload`; empty for the resource as a whole. */
  readonly field: string;
  readonly message: string;
  /** Where it stands, when the resource came as text. */
  readonly file?: string;
  readonly line?: number;
}

/** Tells resources of a set apart. */
export function keyOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}

export type ResourceErrorCode =
  | 'resources-invalid'
  | 'resource-unknown'
  | 'resource-in-use'
  | 'resource-outdated'
  | 'tenant-unknown'
  | 'too-many-resources'
  | 'tenant-in-use';

/** Nothing was changed. `issues` says why, one by one. */
export class ResourceError extends UsageError {
  override readonly code: ResourceErrorCode;
  readonly issues: readonly ResourceIssue[];
  readonly #what: string;

  constructor(code: ResourceErrorCode, message: string, issues: readonly ResourceIssue[] = []) {
    super(code, [message, ...issues.map(formatIssue)].join('\n  '));
    this.code = code;
    this.#what = message;
    this.issues = issues;
  }

  /** The same error, its issues with the places where these resources were written. */
  locatedIn(resources: readonly LocatedResource[]): ResourceError {
    const issues = this.issues.map((issue) => ({ ...issue, ...locateIssue(resources, issue) }));
    return new ResourceError(this.code, this.#what, issues);
  }
}

function formatIssue(issue: ResourceIssue): string {
  return [`${issue.kind}/${issue.name}`, issue.field, issue.message].filter((part) => part !== '').join(': ');
}
