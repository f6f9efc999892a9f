import { compileCel } from '../policy/cel.ts';
import type { CompiledCondition } from './condition.ts';

/** An access condition written in CEL. Throws CelError when the text does not compile. */
export function compileCelCondition(expression: string): CompiledCondition {
  const program = compileCel(expression);
  return {
    reads: program.reads,
    selectors: program.selectors,
    dependsOnTime: program.readsNow,
    holds: (session, request, nowMs) => program.evaluate(session, request, nowMs),
  };
}
