import { UsageError } from '../../common/errors.ts';

/** What is wrong with one resource of a set. */
export interface ResourceIssue {
  readonly kind: string;
  readonly name: string;
  /** Such as `spec.serverWorkload`; empty for the resource as a whole. */
  readonly field: string;
  readonly message: string;
}

export type ResourceErrorCode =
  | 'resources-invalid'
  | 'resource-unknown'
  | 'resource-in-use'
  | 'tenant-unknown'
  | 'tenant-in-use';

/** Nothing was changed. `issues` says why, one by one. */
export class ResourceError extends UsageError {
  readonly issues: readonly ResourceIssue[];

  constructor(code: ResourceErrorCode, message: string, issues: readonly ResourceIssue[] = []) {
    super(code, [message, ...issues.map(formatIssue)].join('\n  '));
    this.issues = issues;
  }
}

function formatIssue(issue: ResourceIssue): string {
  return [`${issue.kind}/${issue.name}`, issue.field, issue.message].filter((part) => part !== '').join(': ');
}
