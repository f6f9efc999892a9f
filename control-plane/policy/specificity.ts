import type { AccessPolicySpec } from '../resources/kinds.ts';

/**
 * How narrowly a policy speaks of one call, compared field by field in this order:
 * 1. a named client workload before `*`;
 * 2. the longer literal beginning of the path pattern, an exact path before a pattern, any path before none;
 * 3. a list of methods before none;
 * 4. a rule that reads more of the request than method and path before one that does not.
 */
export type Specificity = readonly [client: number, path: number, method: number, content: number];

/** What a rule that covers the call says of it. */
export interface Covering {
  readonly pattern: string | undefined;
  readonly methods: boolean;
  readonly content: boolean;
}

/** Of a policy by one of its rules that covers the call, or by none where it has no rules. */
export function specificityOf(spec: Pick<AccessPolicySpec, 'clientWorkload'>, covering?: Covering): Specificity {
  const client = spec.clientWorkload === '*' ? 0 : 1;
  return [client, pathWeight(covering?.pattern), covering?.methods ? 1 : 0, covering?.content ? 1 : 0];
}

/** Positive when `a` is more specific than `b`. */
export function compareSpecificity(a: Specificity, b: Specificity): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** Twice the length of what stands before the first wildcard, and one more when there is no wildcard at all. */
function pathWeight(pattern: string | undefined): number {
  if (pattern === undefined) return 0;
  const wildcard = pattern.search(/[*{]/);
  return wildcard < 0 ? pattern.length * 2 + 1 : wildcard * 2;
}
