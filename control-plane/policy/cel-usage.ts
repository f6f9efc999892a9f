import type { ASTNode } from '@marcbachmann/cel-js';
import { CelError } from './cel-error.ts';
import { type CelNode, isCelNode } from './cel-node.ts';
import { checkPresenceTest, noteRequestUse, type RequestUse } from './request-fields.ts';

/** What an expression touches. */
export interface CelUsage extends RequestUse {
  /** Variables. */
  readonly names: Set<string>;
}

/** Throws CelError for what the environment forbids. */
export function findUsage(root: ASTNode): CelUsage {
  const found: CelUsage = { names: new Set(), reads: new Set(), selectors: new Set() };
  const noteRequest = (path: readonly string[]): void => {
    found.names.add('request');
    noteRequestUse(found, path);
  };
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isCelNode(node)) return;
    const path = requestPath(node);
    if (path !== undefined) return noteRequest(path);
    if (node.op === 'id') {
      found.names.add(String(node.args));
      return;
    }
    const asked = presencePath(node);
    if (asked !== undefined) return noteRequest(asked);
    refuseUnboundedCalls(node);
    visit(node.args);
  };
  visit(root);
  return found;
}

/** The names behind `request` in `request.a["b"].c`; undefined for anything else. A computed key is no name. */
function requestPath(node: unknown): string[] | undefined {
  if (!isCelNode(node)) return undefined;
  if (node.op === 'id') return node.args === 'request' ? [] : undefined;
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return undefined;
  const [target, key]: unknown[] = node.args;
  const name = typeof key === 'string' ? key : literalText(key);
  if (name === undefined) return undefined;
  const path = requestPath(target);
  return path === undefined ? undefined : [...path, name];
}

/** The names whose presence `has(request.a.b)` or `"b" in request.a` asks for. */
function presencePath({ op, args }: CelNode): string[] | undefined {
  if (!Array.isArray(args)) return undefined;
  const [first, second]: unknown[] = args;
  if (op === 'call' && first === 'has' && Array.isArray(second)) {
    const path = requestPath(second[0]);
    if (path !== undefined) checkPresenceTest(path);
    return path;
  }
  const name = op === 'in' ? literalText(first) : undefined;
  const within = name === undefined ? undefined : requestPath(second);
  // Of JSON the value may be a list, whose members are no names.
  return name !== undefined && within?.length === 1 && within[0] === 'headers' ? ['headers', name] : undefined;
}

function literalText(node: unknown): string | undefined {
  return isCelNode(node) && node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;
}

/** JavaScript regular expressions can take exponential time on text that the agent chooses, so `matches` is not in the environment. */
function refuseUnboundedCalls(node: CelNode): void {
  if ((node.op === 'call' || node.op === 'rcall') && Array.isArray(node.args) && node.args[0] === 'matches') {
    throw new CelError('cel-forbidden', 'matches() is not available; use startsWith, endsWith, contains or a selector');
  }
}
