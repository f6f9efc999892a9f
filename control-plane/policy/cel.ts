import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { type Budget, isSpent, QUESTION_STEPS } from './budget.ts';
import { costOf } from './cel-cost.ts';
import { CelError } from './cel-error.ts';
import { longestAsked } from './cel-length.ts';
import { findUsage } from './cel-usage.ts';
import type { FactName, RequestFacts, SessionFacts } from './facts.ts';
import { hasAmbiguousHeader, isAmbiguousHeader } from './header-fields.ts';
import { requestVariable } from './request-variable.ts';
import { splitUserName } from './user-name.ts';

export interface CelProgram {
  /** Facts that the expression reads: they become part of the grant cache's key. */
  readonly reads: ReadonlySet<FactName>;
  /** Of large facts, the parts that it reads, as the route's selectors name them (sidekey/v1/route.proto). */
  readonly selectors: ReadonlySet<string>;
  /** The answer depends on the clock, so it must not be reused. */
  readonly readsNow: boolean;
  readonly readsRequest: boolean;
  /** Steps that it takes at least. */
  readonly leastSteps: number;
  /** Throws CelError when evaluation fails, such as on a missing key, and when the budget does not reach. */
  evaluate(session: SessionFacts, request: RequestFacts | undefined, nowMs: number, budget: Budget): boolean;
}

const LIMITS = { maxAstNodes: 2_000, maxDepth: 60, maxListElements: 500, maxMapEntries: 200, maxCallArguments: 16 };
const MAX_EXPRESSION_LENGTH = 8_192;

/** The fixed environment, documented in docs/policy.md. */
const environment = new Environment({
  unlistedVariablesAreDyn: false,
  homogeneousAggregateLiterals: false,
  limits: LIMITS,
})
  .registerVariable('agent', 'map')
  .registerVariable('user', 'map')
  .registerVariable('request', 'map')
  .registerVariable('tenant', 'string')
  .registerVariable('now', 'google.protobuf.Timestamp');

/** What every evaluation takes. */
const EVALUATION_STEPS = 50;
const STEPS_A_HEADER = 8;

const compiled = new BoundedCache<string, CelProgram>(2_000);

/** Compiles a boolean CEL expression, once for each text. Throws CelError with a one-line message. */
export function compileCel(expression: string): CelProgram {
  const known = compiled.get(expression);
  if (known) return known;
  if (expression.length > MAX_EXPRESSION_LENGTH) throw new CelError('cel-too-long', 'the expression is too long');
  const parsed = parse(expression);
  const usage = findUsage(parsed.ast);
  const cost = costOf(parsed.ast);
  const headerNames = [...usage.selectors].flatMap((selector) => /^header:(.+)$/.exec(selector)?.[1] ?? []);
  const program: CelProgram = {
    reads: usage.reads,
    selectors: usage.selectors,
    readsNow: usage.names.has('now'),
    readsRequest: usage.names.has('request'),
    leastSteps: EVALUATION_STEPS + cost.least,
    evaluate: (session, request, nowMs, budget) => {
      const steps = cost.ofLength(cost.grows ? longestAsked(usage.names, session, request) : 0);
      spend(budget, EVALUATION_STEPS + steps + headerSteps(headerNames, request));
      assertClearHeaders(headerNames, request);
      const context = {
        agent: { workloads: session.workloads, trust: session.trust, claims: session.claims },
        user: { issuer: '', ...splitUserName(session.user ?? ''), claims: session.userClaims },
        request: request ? requestVariable(request) : {},
        tenant: session.tenant,
        now: new Date(nowMs),
      };
      return evaluate(parsed, context);
    },
  };
  compiled.set(expression, program);
  return program;
}

function parse(expression: string): ParseResult {
  try {
    const parsed = environment.parse(expression);
    const check = parsed.check();
    if (!check.valid) throw new CelError('cel-invalid', oneLine(check.error));
    if (check.type !== 'bool' && check.type !== 'dyn') {
      throw new CelError('cel-not-boolean', `the expression gives ${check.type ?? 'nothing'}, not true or false`);
    }
    return parsed;
  } catch (error) {
    if (error instanceof CelError) throw error;
    throw new CelError('cel-invalid', oneLine(error));
  }
}

/** An expression that no question has the steps for fails by itself; one for which too few are left ends the question. */
function spend(budget: Budget, steps: number): void {
  if (steps > QUESTION_STEPS)
    throw new CelError('cel-too-costly', 'the expression is asked of shorter lists and texts');
  budget.left -= steps;
  if (isSpent(budget)) throw new CelError('cel-too-costly', 'the question takes too many steps');
}

/** All headers are looked at for each name, and to make the variable. */
function headerSteps(names: readonly string[], request: RequestFacts | undefined): number {
  return STEPS_A_HEADER * (request?.headers?.length ?? 0) * (1 + names.length);
}

/** A header whose reading is the server's choice must not look like one that is not there. `*`: all of them. */
function assertClearHeaders(names: readonly string[], request: RequestFacts | undefined): void {
  const fields = request?.headers ?? [];
  const isAmbiguous = names.includes('*')
    ? hasAmbiguousHeader(fields)
    : names.some((name) => isAmbiguousHeader(fields, name));
  if (isAmbiguous) throw new CelError('cel-failed', 'a header can be read in more than one way');
}

function evaluate(parsed: ParseResult, context: Record<string, unknown>): boolean {
  let value: unknown;
  try {
    value = parsed(context);
  } catch (error) {
    throw new CelError('cel-failed', oneLine(error));
  }
  if (typeof value !== 'boolean')
    throw new CelError('cel-not-boolean', 'the expression gave something else than true or false');
  return value;
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? 'invalid expression';
}
