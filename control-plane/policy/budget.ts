import type { Steps } from '../../common/match/steps.ts';

/** What one question may take, in steps of a glob: about a twentieth of a second. All tenants wait meanwhile. */
export const QUESTION_STEPS = 5_000_000;

/** Steps that are left for one question. Once none are, it is denied, whatever else was found. */
export type Budget = Steps;

export function newBudget(): Budget {
  return { left: QUESTION_STEPS };
}

export function isSpent({ left }: Budget): boolean {
  return left <= 0;
}
