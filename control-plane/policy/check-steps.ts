import type { AccessConditionSpec, AccessPolicySpec } from '../resources/kinds.ts';
import { QUESTION_STEPS } from './budget.ts';
import { compileCel } from './cel.ts';

export type ConditionSpecs = ReadonlyMap<string, AccessConditionSpec>;

/**
 * Where the expressions of a policy take more steps than one question has, even of short lists and texts. All conditions are asked of
 * a call that is to be allowed, and so are all rules that differ in their expressions alone.
 */
export function checkSteps(
  { conditions, rules = [] }: AccessPolicySpec,
  specs: ConditionSpecs,
): { readonly field: string; readonly message: string }[] {
  let ofConditions = 0;
  for (const [at, name] of conditions.entries()) {
    const spec = specs.get(name);
    if (spec?.type === 'cel') ofConditions += leastSteps(spec.expression);
    if (ofConditions >= QUESTION_STEPS) return [tooMany(`spec.conditions[${at}]`)];
  }
  const ofRules = new Map<string, number>();
  for (const [at, { when, ...rest }] of rules.entries()) {
    if (when === undefined) continue;
    const alike = JSON.stringify(rest);
    const steps = (ofRules.get(alike) ?? ofConditions) + leastSteps(when);
    if (steps >= QUESTION_STEPS) return [tooMany(`spec.rules[${at}].when`)];
    ofRules.set(alike, steps);
  }
  return [];
}

function tooMany(field: string): { field: string; message: string } {
  const message = 'with the expressions before it this takes more steps than one call may; make them simpler or fewer';
  return { field, message };
}

function leastSteps(expression: string): number {
  try {
    return compileCel(expression).leastSteps;
  } catch {
    return 0;
  }
}
