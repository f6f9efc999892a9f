import type { Snapshot } from '../../proto/gen/sidekey/v1/proxy.ts';

/** Which policy: the same version may come again with another change behind it, which an older control plane does not name. */
export type PolicyName = Readonly<Pick<Snapshot, 'policyVersion' | 'policyChange'>>;

/** Before the first snapshot. */
export const NO_POLICY: PolicyName = { policyVersion: 0, policyChange: '' };

export function isSamePolicy(one: PolicyName, other: PolicyName): boolean {
  return one.policyVersion === other.policyVersion && one.policyChange === other.policyChange;
}

/**
 * How a grant stands to the last snapshot. `ahead`: the snapshot is on its way, or who answers has not heard yet that the
 * policy went back, so that it may serve a call and not be held.
 */
export function compareGrant(grant: PolicyName, policy: PolicyName): 'same' | 'ahead' | 'other' {
  if (grant.policyVersion === 0 || grant.policyVersion > policy.policyVersion) return 'ahead';
  const isNamed = grant.policyChange !== '' && policy.policyChange !== '';
  const isOther = isNamed && grant.policyChange !== policy.policyChange;
  return isOther || grant.policyVersion < policy.policyVersion ? 'other' : 'same';
}
