import type { Reason } from '../../../proto/reasons.ts';

/** Told of what the proxies' API does, to be counted. Times in milliseconds. */
export interface ProxyMeter {
  /** `ok`, or why not. */
  attested(reason: Reason): void;
  /** A question got its answer. */
  answered(reason: Reason, ms: number): void;
  /** `lagMs`: age of the oldest of them. */
  recordsStored(count: number, lagMs: number): void;
  /** A revocation was written to a proxy, so long after it was heard of. */
  revocationTold(ms: number): void;
}
