import type { ASTNode } from '@marcbachmann/cel-js';
import { writePointer } from '../../common/inspection/json-pointer.ts';
import { CelError } from './cel-error.ts';
import type { FactName } from './facts.ts';

/** What an expression touches. */
export interface CelUsage {
  /** Variables. */
  readonly names: Set<string>;
  readonly reads: Set<FactName>;
  readonly selectors: Set<string>;
  /** `request` is used whole or by computed key; then it holds nothing that was read out of the body. */
  readonly readsWholeRequest: boolean;
}

interface Found {
  readonly names: Set<string>;
  readonly reads: Set<FactName>;
  readonly selectors: Set<string>;
  readsWholeRequest: boolean;
}

/** Fields of `request` that are facts of their own, and are small. */
const SMALL_FACTS: Readonly<Record<string, FactName>> = {
  path: 'path',
  vars: 'path',
  query: 'query',
  bodyBytes: 'bodyBytes',
  contentType: 'contentType',
  graphql: 'graphql',
  jsonRpc: 'jsonRpc',
  a2a: 'a2a',
};

/** Throws CelError for calls that the environment forbids. */
export function findUsage(root: ASTNode): CelUsage {
  const found: Found = { names: new Set(), reads: new Set(), selectors: new Set(), readsWholeRequest: false };
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isNode(node)) return;
    const path = requestPath(node);
    if (path !== undefined) return noteRequest(found, path);
    if (node.op === 'id') {
      found.names.add(String(node.args));
      return;
    }
    refuseUnboundedCalls(node);
    visit(node.args);
  };
  visit(root);
  return found;
}

/** Notes that the expression reads the member of `request` to which the path leads. */
function noteRequest(found: Found, path: readonly string[]): void {
  found.names.add('request');
  const [field, ...rest] = path;
  if (field === undefined) {
    found.readsWholeRequest = true;
    for (const fact of ['path', 'query', 'headers'] as const) found.reads.add(fact);
    found.selectors.add('header:*');
    return;
  }
  const small = Object.hasOwn(SMALL_FACTS, field) ? SMALL_FACTS[field] : undefined;
  if (small !== undefined) found.reads.add(small);
  else if (field === 'headers') {
    found.reads.add('headers');
    found.selectors.add(`header:${rest[0]?.toLowerCase() ?? '*'}`);
  } else if (field === 'json') {
    found.reads.add('json');
    found.selectors.add(`json:${writePointer(rest)}`);
  } else if (field === 'form') {
    const [name] = rest;
    if (name === undefined)
      throw new CelError('cel-forbidden', 'name the fields of request.form, as in request.form.amount');
    found.reads.add('form');
    found.selectors.add(`form:${writePointer([name])}`);
  } else if (field === 'mcp') noteMcp(found, rest);
}

function noteMcp(found: Found, path: readonly string[]): void {
  const [field, ...rest] = path;
  found.reads.add('mcp');
  if (field !== undefined && field !== 'arguments') return;
  found.reads.add('mcpArguments');
  found.selectors.add(`mcp:${writePointer(rest)}`);
}

interface AnyNode {
  readonly op: string;
  readonly args: unknown;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** The names behind `request` in `request.a["b"].c`; undefined for anything else. A computed key is no name. */
function requestPath(node: AnyNode): string[] | undefined {
  if (node.op === 'id') return node.args === 'request' ? [] : undefined;
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return undefined;
  const [target, key]: unknown[] = node.args;
  const name = typeof key === 'string' ? key : literalText(key);
  if (name === undefined || !isNode(target)) return undefined;
  const path = requestPath(target);
  return path === undefined ? undefined : [...path, name];
}

function literalText(node: unknown): string | undefined {
  return isNode(node) && node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;
}

/** JavaScript regular expressions can take exponential time on text that the agent chooses, so `matches` is not in the environment. */
function refuseUnboundedCalls(node: AnyNode): void {
  if ((node.op === 'call' || node.op === 'rcall') && Array.isArray(node.args) && node.args[0] === 'matches') {
    throw new CelError('cel-forbidden', 'matches() is not available; use startsWith, endsWith, contains or a selector');
  }
}
