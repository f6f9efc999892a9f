import type { RequestFacts, SessionFacts } from './facts.ts';
import { inspectedVariable } from './request-variable.ts';

const CHARACTERS_A_STEP = 32;

/** Length of the longest list, map or text within these variables, a text by stretches of characters. */
export function longestAsked(
  names: ReadonlySet<string>,
  session: SessionFacts,
  request: RequestFacts | undefined,
): number {
  const { claims, userClaims, workloads, trust, tenant, user = '' } = session;
  let longest = tenant.length / CHARACTERS_A_STEP;
  if (names.has('agent')) longest = Math.max(longest, longestWithin(claims), workloads.length, trust.length);
  if (names.has('user')) longest = Math.max(longest, longestWithin(userClaims), user.length / CHARACTERS_A_STEP);
  if (request === undefined || !names.has('request')) return longest;
  const { headers, inspected, path, query = '' } = request;
  longest = Math.max(longest, path.length / CHARACTERS_A_STEP, query.length / CHARACTERS_A_STEP);
  if (headers !== undefined) longest = Math.max(longest, longestWithin(headers));
  return inspected === undefined ? longest : Math.max(longest, longestWithin(inspectedVariable(inspected)));
}

/** Of values that never change; many expressions are asked of them. */
const known = new WeakMap<object, number>();

function longestWithin(value: object): number {
  const held = known.get(value);
  if (held !== undefined) return held;
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
  known.set(value, longest);
  return longest;
}
