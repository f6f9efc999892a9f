import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';

/** A grant for one call alone is asked about again like one with a short lease, while its stream lasts. */
const SINGLE_CALL_LEASE_MS = 30_000;

/** When a running call must be asked about again: at its lease's end, never after its grant's. */
export function leaseEndsAt(grant: Grant, now: number): number {
  const lease = grant.cacheLease;
  const single = lease === undefined || lease.seconds + lease.nanos === 0;
  const ms = single ? SINGLE_CALL_LEASE_MS : lease.seconds * 1000 + lease.nanos / 1e6;
  return Math.min(now + ms, grant.notAfter?.getTime() ?? now + ms);
}
