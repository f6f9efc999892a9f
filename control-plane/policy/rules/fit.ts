import type { Inspection, InspectedFact } from '../../../common/inspection/inspect.ts';
import { foldCase } from '../../../common/match/fold-case.ts';
import { matchGlob } from '../../../common/match/glob.ts';
import type { Budget } from '../budget.ts';
import type { FactName, RequestFacts, SessionFacts } from '../facts.ts';

/** A matcher could not be asked, for this reason: what allows does not fit then, what denies does. */
export interface Unread {
  readonly fact: FactName | undefined;
  readonly why: string;
}

export type Fit = boolean | Unread;

export interface RuleQuestion {
  readonly session: SessionFacts;
  readonly request: RequestFacts;
  readonly nowMs: number;
  readonly budget: Budget;
}

/** One part of a rule. */
export interface Matcher {
  readonly reads: readonly FactName[];
  readonly selectors?: readonly string[];
  fits(question: RuleQuestion): Fit;
}

/** The fact as it was read, or why it was not. */
function factOf<K extends Exclude<InspectedFact, 'mcpArguments'>>(
  { inspected }: RequestFacts,
  fact: K,
): { readonly value: NonNullable<Inspection[K]> } | Unread {
  const value = inspected?.[fact];
  if (value !== undefined) return { value: value as NonNullable<Inspection[K]> };
  const why = inspected?.unreadable.find((one) => one.fact === fact)?.why ?? 'it was not read';
  return { fact, why };
}

/** `fits` asked of the fact, if it could be read. */
export function fitFact<K extends Exclude<InspectedFact, 'mcpArguments'>>(
  request: RequestFacts,
  fact: K,
  fits: (value: NonNullable<Inspection[K]>) => boolean,
): Fit {
  const found = factOf(request, fact);
  return 'value' in found ? fits(found.value) : found;
}

export type NameTest = (name: string, budget: Budget) => boolean;

/**
 * Whether one of the globs covers a name. What denies is not passed by another spelling: case and compatible characters
 * count as the same there (attack A-57). No globs: every name.
 */
export function nameTest(globs: readonly string[] | undefined, denies: boolean): NameTest {
  if (globs === undefined) return () => true;
  if (!denies) return (name, budget) => globs.some((glob) => matchGlob(glob, name, budget));
  const loose = globs.map(looseName);
  return (name, budget) => {
    budget.left -= name.length;
    const text = looseName(name);
    return loose.some((glob) => matchGlob(glob, text, budget));
  };
}

function looseName(name: string): string {
  return foldCase(name.normalize('NFKC')).trim();
}
