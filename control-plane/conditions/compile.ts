import { compileCel } from '../policy/cel.ts';
import type { AccessConditionSpec } from '../resources/kinds.ts';
import type { CompiledCondition } from './condition.ts';
import { compileTimeWindow } from './time-window.ts';

/** Of looking the time up in a time zone. */
const WINDOW_STEPS = 500;

/** Compiles an access condition of any type. Throws SidekeyError naming what is wrong. */
export function compileCondition(spec: AccessConditionSpec): CompiledCondition {
  switch (spec.type) {
    case 'cel': {
      const { reads, selectors, readsNow, evaluate } = compileCel(spec.expression);
      return { reads, selectors, dependsOnTime: readsNow, holds: evaluate };
    }
    case 'time-window': {
      const holds = compileTimeWindow(spec);
      return {
        reads: new Set(),
        selectors: new Set(),
        dependsOnTime: true,
        holds: (_session, _request, nowMs, budget) => {
          budget.left -= WINDOW_STEPS;
          return holds(nowMs);
        },
      };
    }
  }
}
