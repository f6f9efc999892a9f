import { compilePathPattern } from '../../../common/match/path-pattern.ts';
import { readingsWithoutFormat } from '../../../common/match/path.ts';
import { describeError } from '../../../common/errors.ts';
import type { AccessRule } from '../../resources/kinds.ts';
import { type Budget, isSpent } from '../budget.ts';
import { type CelProgram, compileCel } from '../cel.ts';
import type { FactName, RequestFacts } from '../facts.ts';
import type { Covering } from '../specificity.ts';
import type { Fit, Matcher, RuleQuestion, Unread } from './fit.ts';
import { hasTarget } from './mcp-matcher.ts';
import { protocolMatchers } from './protocol-matchers.ts';
import { requestMatchers } from './request-matchers.ts';

/** A way in which a rule covers the call. */
export interface Coverage extends Covering {
  /** The reading of the call's path that is covered. */
  readonly path: string;
  readonly variables: Readonly<Record<string, string>>;
}

export interface CompiledRule {
  readonly reads: ReadonlySet<FactName>;
  readonly selectors: ReadonlySet<string>;
  readonly dependsOnTime: boolean;
  /** One for each path pattern that covers the call, in each reading; or why a rule that allows could not be asked. */
  cover(question: RuleQuestion): readonly Coverage[] | Unread;
}

interface CompiledPath {
  readonly pattern: string;
  capture(path: string, budget: Budget): Readonly<Record<string, string>> | undefined;
}

/** Fits whatever the path is, so that the proxy need not ask anew for each. */
const EVERY_PATH = '/**';

/** What every rule takes. */
const RULE_STEPS = 20;

const NONE: readonly Coverage[] = [];

export function compileRule(rule: AccessRule, denies: boolean): CompiledRule {
  // Some servers take `delete` for DELETE.
  const spell = (method: string): string => (denies ? method.toUpperCase() : method);
  const methods = rule.methods && new Set(rule.methods.map(spell));
  const paths = rule.paths?.map((pattern) => compilePath(pattern, denies));
  const matchers = [...requestMatchers(rule), ...protocolMatchers(rule, denies)];
  const when = rule.when === undefined ? undefined : compileWhen(rule.when, rule, denies);
  const all = when ? [...matchers, when] : matchers;
  const reads = new Set<FactName>(all.flatMap((matcher) => matcher.reads));
  if (paths?.some(({ pattern }) => pattern !== EVERY_PATH)) reads.add('path');
  const shape = shapeOf(rule);
  return {
    reads,
    selectors: new Set(all.flatMap((matcher) => matcher.selectors ?? [])),
    dependsOnTime: when?.dependsOnTime ?? false,
    cover: (question) => {
      const { request, budget } = question;
      budget.left -= RULE_STEPS;
      if (methods && !methods.has(spell(request.method))) return NONE;
      if (denies) budget.left -= request.path.length;
      if (isSpent(budget)) return NONE;
      const covering = readingsOf(request, denies).flatMap((path) => coverPath({ path, budget }, paths, shape));
      return all.length === 0 ? covering : fitContent(covering, all, question, denies);
    },
  };
}

/** What of a rule counts for how specific it is, beside its paths. */
export function shapeOf(rule: AccessRule): Pick<Covering, 'methods' | 'content'> {
  const given = Object.entries(rule).filter(([, part]) => part !== undefined);
  return {
    methods: rule.methods !== undefined,
    content: given.some(([name]) => name !== 'methods' && name !== 'paths'),
  };
}

/** A server may read the path more leniently than it should: what is denied is denied in every reading. */
export function readingsOf({ path }: Pick<RequestFacts, 'path'>, denies: boolean): readonly string[] {
  return denies ? readingsWithoutFormat(path) : [path];
}

function coverPath(
  { path, budget }: { readonly path: string; readonly budget: Budget },
  paths: readonly CompiledPath[] | undefined,
  shape: Pick<Covering, 'methods' | 'content'>,
): readonly Coverage[] {
  if (paths === undefined) return [{ ...shape, pattern: undefined, path, variables: {} }];
  const covering: Coverage[] = [];
  for (const { pattern, capture } of paths) {
    const variables = capture(path, budget);
    if (variables) covering.push({ ...shape, pattern, path, variables });
  }
  return covering;
}

/** Each covering path is asked on its own, since `when` may read it and its variables. */
function fitContent(
  covering: readonly Coverage[],
  matchers: readonly Matcher[],
  question: RuleQuestion,
  denies: boolean,
): readonly Coverage[] | Unread {
  let unread: Unread | undefined;
  const fitting: Coverage[] = [];
  for (const coverage of covering) {
    const { path, variables } = coverage;
    const request = { ...question.request, path, variables };
    const fit = fitAll(matchers, { ...question, request });
    if (fit === true || (denies && fit !== false)) fitting.push(coverage);
    else if (fit !== false) unread ??= fit;
  }
  return fitting.length === 0 ? (unread ?? NONE) : fitting;
}

/** One that does not fit decides; else one that could not be read. */
function fitAll(matchers: readonly Matcher[], question: RuleQuestion): Fit {
  let unread: Unread | undefined;
  for (const matcher of matchers) {
    const fit = matcher.fits(question);
    if (fit === false) return false;
    if (fit !== true) unread ??= fit;
  }
  return unread ?? true;
}

/** A pattern that cannot be read covers nothing that is allowed and everything that is denied. */
function compilePath(pattern: string, denies: boolean): CompiledPath {
  try {
    const compiled = compilePathPattern(pattern, denies ? 'lenient' : 'exact');
    return { pattern, capture: (path, budget) => compiled.capture(path, budget) };
  } catch {
    return { pattern, capture: () => (denies ? {} : undefined) };
  }
}

function compileWhen(
  expression: string,
  rule: AccessRule,
  denies: boolean,
): Matcher & { readonly dependsOnTime: boolean } {
  let program: CelProgram;
  try {
    program = compileCel(expression);
  } catch (error) {
    return { reads: [], dependsOnTime: false, fits: () => ({ fact: undefined, why: describeError(error) }) };
  }
  const readsArguments = program.reads.has('mcpArguments') || program.reads.has('mcp');
  return {
    reads: [...program.reads],
    selectors: [...program.selectors],
    dependsOnTime: program.readsNow,
    fits: ({ session, request, nowMs, budget }) => {
      if (request.dryRun === true && readsAnyArgument(program)) return !denies;
      // Messages about nothing in particular, such as `initialize`, have no arguments to ask for.
      const mcp = request.inspected?.mcp;
      if (!denies && rule.mcp && readsArguments && mcp && !hasTarget(mcp)) return true;
      try {
        return program.evaluate(session, request, nowMs, budget);
      } catch (error) {
        // What could not be read is not there, of which the expression alone speaks.
        const unread = request.inspected?.unreadable.find(({ fact }) => program.reads.has(fact));
        return unread ?? { fact: undefined, why: describeError(error) };
      }
    },
  };
}

/** What a question about a list does not know yet. */
export function readsAnyArgument({ reads }: Pick<CelProgram, 'reads'>): boolean {
  return reads.has('mcpArguments') || reads.has('json') || reads.has('bodyBytes');
}
