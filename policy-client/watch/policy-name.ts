import type { Snapshot } from '../../proto/gen/sidekey/v1/proxy.ts';

/** Which policy: the same version may come again with another change behind it, which an older control plane does not name. */
export type PolicyName = Readonly<Pick<Snapshot, 'policyVersion' | 'policyChange'>>;

/** Before the first snapshot. */
export const NO_POLICY: PolicyName = { policyVersion: 0, policyChange: '' };

export function isSamePolicy(one: PolicyName, other: PolicyName): boolean {
  return one.policyVersion === other.policyVersion && one.policyChange === other.policyChange;
}

/**
 * Whether a grant rests on another policy than the last snapshot's. One of a newer version may be ahead of its snapshot, which
 * drops it unless it is the same.
 */
export function isOfOtherPolicy(grant: PolicyName, { policyVersion, policyChange }: PolicyName): boolean {
  if (grant.policyVersion !== policyVersion) return grant.policyVersion !== 0 && grant.policyVersion < policyVersion;
  return grant.policyChange !== policyChange && grant.policyChange !== '' && policyChange !== '';
}
