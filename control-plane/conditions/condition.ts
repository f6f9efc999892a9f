import type { Budget } from '../policy/budget.ts';
import type { FactName, RequestFacts, SessionFacts } from '../policy/facts.ts';

/** A runtime test beside identity, compiled once. */
export interface CompiledCondition {
  /** Request facts it reads beyond scheme, host, port and method. */
  readonly reads: ReadonlySet<FactName>;
  /** Of large facts, the parts that it reads. */
  readonly selectors: ReadonlySet<string>;
  /** Its answer changes with the clock. */
  readonly dependsOnTime: boolean;
  /** Throws when it cannot be evaluated, which denies. */
  holds(session: SessionFacts, request: RequestFacts, nowMs: number, budget: Budget): boolean;
}
