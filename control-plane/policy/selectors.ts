import { SidekeyError } from '../../common/errors.ts';
import { matchGlob } from '../../common/match/glob.ts';
import { type Budget, newBudget } from './budget.ts';
import type { Selector, Selectors } from '../resources/kinds.ts';

/**
 * Looks a dotted claim name up. A key that itself holds dots (`kubernetes.io`) is found too: at every level the longest
 * key wins. Only own properties count, so that `constructor` is not a claim.
 */
export function readClaim(claims: unknown, name: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
    const key = name.slice(0, end);
    if (!Object.hasOwn(claims, key)) continue;
    const value = (claims as Record<string, unknown>)[key];
    const found = end === name.length ? value : readClaim(value, name.slice(end + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of one glob: several times what any but a malicious one takes for the longest claims. */
const MAX_STEPS = 100_000;
/** What every selector takes. */
const SELECTOR_STEPS = 5;
/** Texts of a list that a claim is compared with in one step. */
const TEXTS_A_STEP = 16;

/** It cannot be told in bounded time whether a claim passes. */
export class SelectorError extends SidekeyError {}

/** Whether one claim passes. A list claim passes when one of its members does; a missing claim never does. @throws SelectorError */
export function matchesSelector(selector: Selector, claims: unknown, budget: Budget = newBudget()): boolean {
  const value = readClaim(claims, selector.claim);
  const members: unknown[] = Array.isArray(value) ? value : [value];
  const each = 'in' in selector ? selector.in.length / TEXTS_A_STEP : 0;
  budget.left -= SELECTOR_STEPS + members.length * (1 + each);
  const most = Math.min(MAX_STEPS, budget.left);
  const steps = { left: most };
  const passes = members.some((member) => matchesValue(selector, member, steps));
  budget.left -= most - steps.left;
  if (!passes && steps.left <= 0) {
    throw new SelectorError(
      'glob-too-costly',
      `the claim ${selector.claim} is too long for the glob that it is to match`,
    );
  }
  return passes;
}

/** Whether the selectors match: every one of `all` and, when `any` is given, one of `any`. No selector at all matches nothing. @throws SelectorError */
export function matchesSelectors(selectors: Selectors, claims: unknown, budget: Budget = newBudget()): boolean {
  const all = selectors.all ?? [];
  const any = selectors.any ?? [];
  if (all.length === 0 && any.length === 0) return false;
  if (!all.every((selector) => matchesSelector(selector, claims, budget))) return false;
  return any.length === 0 || any.some((selector) => matchesSelector(selector, claims, budget));
}

/** Claims are compared as text, so that `kubernetes.pod.uid: "7"` and a numeric claim 7 meet; objects match nothing. */
function matchesValue(selector: Selector, value: unknown, steps: { left: number }): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false;
  const text = String(value);
  if ('equals' in selector) return text === selector.equals;
  if ('in' in selector) return selector.in.includes(text);
  if ('prefix' in selector) return text.startsWith(selector.prefix);
  return matchGlob(selector.glob, text, steps);
}
