import { QUESTION_STEPS } from './budget.ts';
import { type CelNode, isCelNode } from './cel-node.ts';
import { CelError } from './cel-error.ts';

/** A step of an expression takes as long as these of a glob. */
const STEPS_EACH = 5;
/** An expression that could not even be asked of lists of this length is refused. */
const FEWEST_MEMBERS = 16;

const LOOPS: ReadonlySet<unknown> = new Set(['all', 'exists', 'exists_one', 'filter']);
/** What they make can be twice as large at every step, out of proportion to the expression. */
const GROWING: ReadonlySet<unknown> = new Set(['map', 'bind', 'split', 'join']);
/** Steps of what looks a time zone up, and of other parts of a time. */
const ZONE_STEPS = 2_500;
const CALENDAR_STEPS = 100;
/** They look at no more of a text than their argument has, or cut it without a copy. */
const SHORT: ReadonlySet<unknown> = new Set(['startsWith', 'endsWith', 'substring']);

interface Loop {
  readonly depth: number;
  readonly member: unknown;
}

/** Steps by powers of the length of the longest list: [3, 2] is 3 + 2n. */
type Steps = readonly number[];

/** What an expression costs, in steps of a question. */
export interface Cost {
  /** Asked of short lists and texts. */
  readonly least: number;
  /** Whether it is more the longer what it is asked of. */
  readonly grows: boolean;
  /** Asked of lists and texts none of which is longer (`longestAsked`). */
  ofLength(length: number): number;
}

/** Throws CelError for an expression that costs too much by itself. */
export function costOf(root: unknown): Cost {
  const [fixed = 0, ...growing] = stepsOf(root);
  const ofLength = (length: number): number =>
    STEPS_EACH * growing.reduce((sum, each, power) => sum + each * length ** (power + 1), fixed);
  const least = ofLength(FEWEST_MEMBERS);
  if (least > QUESTION_STEPS) {
    throw new CelError('cel-too-costly', 'the expression may take too long: nest all(), exists() and filter() less');
  }
  return { least, grows: growing.length > 0, ofLength };
}

/** @param loop where the node stands: outside of loops, or in one loop over members of this name, or deeper */
function stepsOf(node: unknown, loop: Loop = { depth: 0, member: undefined }): Steps {
  if (Array.isArray(node)) return node.map((one) => stepsOf(one, loop)).reduce(add, []);
  if (!isCelNode(node)) return [];
  const { op, args } = node;
  if (op === 'rcall' && Array.isArray(args)) {
    const [name, receiver, given]: unknown[] = args;
    if (GROWING.has(name)) {
      throw new CelError(
        'cel-forbidden',
        `${String(name)}() is not available; use all(), exists(), filter() and startsWith()`,
      );
    }
    if (LOOPS.has(name)) return stepsOfLoop(receiver, given, loop);
  }
  return add(stepsOf(args, loop), ownSteps(node, loop));
}

function stepsOfLoop(receiver: unknown, body: unknown, around: Loop): Steps {
  if (joins(receiver))
    throw new CelError('cel-forbidden', 'loop over each list by itself, not over lists joined with +');
  const variable: unknown = Array.isArray(body) ? body[0] : undefined;
  // A list that is written out may hold one text many times.
  const isFound = rootOf(receiver) !== undefined;
  const loop: Loop = { depth: around.depth + 1, member: isFound && isCelNode(variable) ? variable.args : undefined };
  const each = add(stepsOf(body, loop), [1]);
  const length = literalLength(receiver);
  return add(stepsOf(receiver, around), length === undefined ? [0, ...each] : each.map((steps) => steps * length));
}

/** What reads whole values takes as long as they are, unless one side is written out. */
function ownSteps({ op, args }: CelNode, loop: Loop): Steps {
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
    case 'call': {
      const given: unknown = parts.at(-1);
      return Array.isArray(given) && given.every(isLiteral) ? [1] : [0, 1];
    }
    case 'rcall':
      return stepsOfMethod(parts, loop);
    default:
      return [1];
  }
}

/** Of texts that are the members of one list there are no more than a question holds, however often they are read once each. */
function stepsOfMethod([name, receiver, given]: readonly unknown[], { depth, member }: Loop): Steps {
  const texts: unknown[] = Array.isArray(given) ? given : [];
  if (String(name).startsWith('get')) return [texts.length > 0 ? ZONE_STEPS : CALENDAR_STEPS];
  if (!texts.every(isLiteral)) return [0, 1];
  return SHORT.has(name) || (depth === 1 && member !== undefined && rootOf(receiver) === member) ? [1] : [0, 1];
}

/** `m` in `m.a["b"]`. */
function rootOf(node: unknown): unknown {
  let at = node;
  while (isCelNode(at) && (at.op === '.' || at.op === '[]') && Array.isArray(at.args)) at = at.args[0];
  return isCelNode(at) && at.op === 'id' ? at.args : undefined;
}

function add(a: Steps, b: Steps): Steps {
  const [longer, shorter] = a.length < b.length ? [b, a] : [a, b];
  return longer.map((steps, power) => steps + (shorter[power] ?? 0));
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
