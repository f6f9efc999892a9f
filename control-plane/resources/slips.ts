import { findOverruled } from '../policy/overruled.ts';
import type { PolicySet, Resource } from './kinds.ts';
import type { ResourceIssue } from './resource-error.ts';
import { secretFields } from './secret-fields.ts';
import { boundToOf } from './within-binding.ts';

/** What of a change is good, and most likely not what was meant. Told once, when it is made. */
export function findSlips(after: PolicySet, changed: readonly Resource[]): ResourceIssue[] {
  const policies = changed.filter(({ kind }) => kind === 'AccessPolicy').map(({ metadata }) => metadata.name);
  return [...findOverruled(after.accessPolicies, new Set(policies)), ...changed.flatMap(unbound)];
}

/** Most often nobody has thought of it. */
function unbound({ kind, metadata: { name }, spec }: Resource): ResourceIssue[] {
  if (kind !== 'CredentialProvider' || secretFields(spec).length === 0 || boundToOf(spec) !== undefined) return [];
  const message = 'is missing: whoever may apply policy can have the secret sent anywhere';
  return [{ kind, name, field: 'spec.boundTo', message }];
}
