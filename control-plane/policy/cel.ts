import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import { SidekeyError } from '../../common/errors.ts';
import { BoundedCache } from '../../common/bounded-cache.ts';
import type { RequestFacts, SessionFacts } from './facts.ts';

/** The expression does not parse, does not check, or asks for what the environment forbids. */
export class CelError extends SidekeyError {}

/** Parts of the question that an expression reads beyond scheme, host, port and method. */
export type FactName = 'path' | 'query' | 'headers';

export interface CelProgram {
  readonly expression: string;
  /** Facts that the expression reads: they become part of the grant cache's key. */
  readonly reads: ReadonlySet<FactName>;
  /** The answer depends on the clock, so it must not be reused. */
  readonly readsNow: boolean;
  readonly readsRequest: boolean;
  /** Throws CelError when evaluation fails, such as on a missing key. */
  evaluate(session: SessionFacts, request: RequestFacts | undefined, nowMs: number): boolean;
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

const compiled = new BoundedCache<string, CelProgram>(2_000);

/** Compiles a boolean CEL expression, once for each text. Throws CelError with a one-line message. */
export function compileCel(expression: string): CelProgram {
  const known = compiled.get(expression);
  if (known) return known;
  if (expression.length > MAX_EXPRESSION_LENGTH) throw new CelError('cel-too-long', 'the expression is too long');
  const parsed = parse(expression);
  const usage = findUsage(parsed.ast);
  const program: CelProgram = {
    expression,
    reads: usage.reads,
    readsNow: usage.names.has('now'),
    readsRequest: usage.names.has('request'),
    evaluate: (session, request, nowMs) => evaluate(parsed, contextOf(session, request, nowMs)),
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

function contextOf(session: SessionFacts, request: RequestFacts | undefined, nowMs: number): Record<string, unknown> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const { name, value } of request?.headers ?? []) headers[name.toLowerCase()] ??= value;
  return {
    agent: { workloads: session.workloads, trust: session.trust, claims: session.claims },
    user: { subject: session.user ?? '', claims: session.userClaims },
    request: request
      ? {
          scheme: request.scheme,
          host: request.host,
          port: BigInt(request.port),
          method: request.method,
          path: request.path,
          query: request.query ?? '',
          headers: new Map(Object.entries(headers)),
        }
      : {},
    tenant: session.tenant,
    now: new Date(nowMs),
  };
}

interface Usage {
  readonly names: Set<string>;
  readonly reads: Set<FactName>;
}

const FACTS: readonly FactName[] = ['path', 'query', 'headers'];

/** Which variables and request facts an expression touches. A `request` used whole or by computed key reads everything. */
function findUsage(root: ASTNode): Usage {
  const usage: Usage = { names: new Set(), reads: new Set() };
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isNode(node)) return;
    const field = requestField(node);
    if (field !== undefined) {
      usage.names.add('request');
      for (const fact of FACTS) if (fact === field) usage.reads.add(fact);
      return;
    }
    if (node.op === 'id') {
      usage.names.add(String(node.args));
      if (node.args === 'request') for (const fact of FACTS) usage.reads.add(fact);
      return;
    }
    refuseUnboundedCalls(node);
    visit(node.args);
  };
  visit(root);
  return usage;
}

/** JavaScript regular expressions can take exponential time on text that the agent chooses, so `matches` is not in the environment. */
function refuseUnboundedCalls(node: AnyNode): void {
  if ((node.op === 'call' || node.op === 'rcall') && Array.isArray(node.args) && node.args[0] === 'matches') {
    throw new CelError('cel-forbidden', 'matches() is not available; use startsWith, endsWith, contains or a selector');
  }
}

interface AnyNode {
  readonly op: string;
  readonly args: unknown;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function requestField(node: AnyNode): string | undefined {
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return undefined;
  const [target, field]: unknown[] = node.args;
  if (!isNode(target) || target.op !== 'id' || target.args !== 'request') return undefined;
  if (typeof field === 'string') return field;
  return isNode(field) && field.op === 'value' && typeof field.args === 'string' ? field.args : undefined;
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? 'invalid expression';
}
