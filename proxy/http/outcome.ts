import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';

/** By these the proxy forbids a call that policy had allowed: it is not the call that failed. */
const FORBIDDING: ReadonlySet<Reason> = new Set<Reason>([
  'placeholder-refused',
  'injection-refused',
  'signature-refused',
  'cleartext-refused',
  'binding-mismatch',
  'address-refused',
  'loop-refused',
]);

/** What the record says of a refused call. `allowed`: policy had allowed it. */
export function outcomeOf(reason: Reason, allowed: boolean): Outcome {
  return allowed && !FORBIDDING.has(reason) ? Outcome.OUTCOME_FAILED : Outcome.OUTCOME_DENIED;
}
