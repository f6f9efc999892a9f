import { type CelNode, isCelNode } from './cel-node.ts';
import { CelError } from './cel-error.ts';

/** Steps of one evaluation; about a tenth of a second. All tenants wait meanwhile. */
const MAX_STEPS = 1_000_000;
/** No list within a question or a token is longer. */
const MOST_MEMBERS = 20_000;
/** An expression that could not even be asked of such lists is refused. */
const FEWEST_MEMBERS = 16;

const LOOPS: ReadonlySet<unknown> = new Set(['all', 'exists', 'exists_one', 'filter']);
/** What they make can be twice as large at every step, out of proportion to the expression. */
const GROWING: ReadonlySet<unknown> = new Set(['map', 'bind']);

/** Steps by powers of the length of the longest list: [3, 2] is 3 + 2n. */
type Steps = readonly number[];

/**
 * The longest list of which the expression can be asked within the steps that one evaluation may take; undefined when no list is
 * too long. Throws CelError for an expression that costs too much by itself.
 */
export function longestList(root: unknown): number | undefined {
  const steps = stepsOf(root);
  const fits = (length: number): boolean =>
    steps.reduce((sum, each, power) => sum + each * length ** power, 0) <= MAX_STEPS;
  if (!fits(FEWEST_MEMBERS)) {
    throw new CelError('cel-too-costly', 'the expression may take too long: nest all(), exists() and filter() less');
  }
  if (fits(MOST_MEMBERS)) return undefined;
  let [longest, tooLong] = [FEWEST_MEMBERS, MOST_MEMBERS];
  while (tooLong - longest > 1) {
    const middle = Math.floor((longest + tooLong) / 2);
    if (fits(middle)) longest = middle;
    else tooLong = middle;
  }
  return longest;
}

function stepsOf(node: unknown): Steps {
  if (Array.isArray(node)) return node.map(stepsOf).reduce(add, []);
  if (!isCelNode(node)) return [];
  const { op, args } = node;
  if (op === 'rcall' && Array.isArray(args)) {
    const [name, receiver, given]: unknown[] = args;
    if (GROWING.has(name)) {
      throw new CelError('cel-forbidden', `${String(name)}() is not available; use all(), exists() and filter()`);
    }
    if (LOOPS.has(name)) return stepsOfLoop(receiver, given);
  }
  return add(stepsOf(args), ownSteps(node));
}

function stepsOfLoop(receiver: unknown, body: unknown): Steps {
  if (joins(receiver))
    throw new CelError('cel-forbidden', 'loop over each list by itself, not over lists joined with +');
  const each = add(stepsOf(body), [1]);
  const length = literalLength(receiver);
  return add(stepsOf(receiver), length === undefined ? [0, ...each] : each.map((steps) => steps * length));
}

/** What reads whole values takes as long as they are, unless one side is written out. */
function ownSteps({ op, args }: CelNode): Steps {
  const parts: unknown[] = Array.isArray(args) ? args : [];
  switch (op) {
    case '==':
    case '!=':
      return parts.some(isLiteral) ? [1] : [0, 1];
    case 'in': {
      const length = literalLength(parts[1]);
      return length === undefined ? [0, 1] : [length];
    }
    case '+':
      return [0, 1];
    case 'call':
    case 'rcall': {
      const given: unknown = parts.at(-1);
      return Array.isArray(given) && given.every(isLiteral) ? [1] : [0, 1];
    }
    default:
      return [1];
  }
}

function add(a: Steps, b: Steps): Steps {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, power) => (a[power] ?? 0) + (b[power] ?? 0));
}

function isLiteral(node: unknown): boolean {
  return isCelNode(node) && node.op === 'value';
}

function literalLength(node: unknown): number | undefined {
  return isCelNode(node) && node.op === 'list' && Array.isArray(node.args) && node.args.every(isLiteral)
    ? node.args.length
    : undefined;
}

function joins(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(joins);
  return isCelNode(node) && (node.op === '+' || joins(node.args));
}

const CHARACTERS_A_STEP = 32;

/** Length of the longest list, map or text within a value, a text by stretches of characters. */
export function longestWithin(value: unknown): number {
  let longest = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') longest = Math.max(longest, next.length / CHARACTERS_A_STEP);
    if (typeof next !== 'object' || next === null) continue;
    const members: unknown[] = next instanceof Map ? [...next.keys(), ...next.values()] : Object.values(next);
    longest = Math.max(longest, next instanceof Map ? next.size : members.length);
    waiting.push(...members);
  }
  return longest;
}
