import { isJsonObject, memberOf, parseStrictJson } from '../../common/inspection/strict-json.ts';
import { Unreadable } from '../../common/inspection/unreadable.ts';
import { Refusal } from '../http/refusal.ts';
import type { ListedThing } from './answer-filter.ts';

/** Lists in results of MCP: the member that holds the list, what it lists, and the name of each thing. */
const LISTS = [
  ['tools', 'tool', 'name'],
  ['resources', 'resource', 'uri'],
  ['resourceTemplates', 'resource', 'uriTemplate'],
  ['prompts', 'prompt', 'name'],
] as const;

const MAX_THINGS = 2_000;

interface Entry {
  readonly list: string;
  readonly item: unknown;
}

/** A JSON-RPC message whose result lists things. */
export interface Listing {
  readonly things: readonly ListedThing[];
  /** The message with only the things that are allowed, in the order of `things`. */
  keep(allowed: readonly boolean[]): string;
}

/**
 * Reads one JSON-RPC message of an MCP server; undefined when it lists nothing. Lists are known by their shape, not by the
 * request: over HTTP+SSE, and when a stream is resumed, answers come on another request than their question.
 *
 * @throws Refusal `answer-refused` for batches, doubled keys and whatever else is not read alike by all
 */
export function readListing(text: Buffer): Listing | undefined {
  const message = parse(text);
  if (Array.isArray(message)) throw new Refusal('answer-refused', 'the answer is a batch');
  const result = memberOf(message, 'result');
  if (!isJsonObject(message) || !isJsonObject(result)) return undefined;
  const things: ListedThing[] = [];
  const entries: Entry[] = [];
  const lists: Record<string, unknown[]> = {};
  for (const [list, kind, nameMember] of LISTS) {
    const items = memberOf(result, list);
    if (!Array.isArray(items)) continue;
    lists[list] = [];
    for (const item of items as unknown[]) {
      const name = memberOf(item, nameMember);
      if (typeof name !== 'string') continue;
      things.push({ kind, name });
      entries.push({ list, item });
    }
  }
  if (Object.keys(lists).length === 0) return undefined;
  if (things.length > MAX_THINGS) throw new Refusal('answer-refused', 'the answer lists too many things');
  return {
    things,
    keep: (allowed) => {
      for (const [index, { list, item }] of entries.entries()) if (allowed[index] === true) lists[list]?.push(item);
      return JSON.stringify({ ...message, result: { ...result, ...lists } });
    },
  };
}

function parse(text: Buffer): unknown {
  try {
    return parseStrictJson(text);
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    throw new Refusal('answer-refused', `the answer cannot be filtered: ${cause.message}`, { cause });
  }
}
