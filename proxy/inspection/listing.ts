import { memberOf, parseStrictJson } from '../../common/inspection/strict-json.ts';
import { Unreadable } from '../../common/inspection/unreadable.ts';
import { Refusal } from '../refusal.ts';
import type { ListedThing } from './answer-filter.ts';
import { findLists } from './list-spans.ts';

/** Lists in results of MCP: the member that holds the list, what it lists, and the name of each thing. */
const LISTS = [
  ['tools', 'tool', 'name'],
  ['resources', 'resource', 'uri'],
  ['resourceTemplates', 'resource', 'uriTemplate'],
  ['prompts', 'prompt', 'name'],
  ['skills', 'resource', 'uri'],
] as const;

const LIST_NAMES = new Set<string>(LISTS.map(([list]) => list));

const MAX_THINGS = 2_000;

/** One thing by its place. */
interface Entry {
  readonly list: string;
  readonly index: number;
}

/** A JSON-RPC message whose result lists things. */
export interface Listing {
  readonly things: readonly ListedThing[];
  /** The message, on one line, with only the things that are allowed; `allowed` is in the order of `things`. All else stays as it came. */
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
  const things: ListedThing[] = [];
  const entries: Entry[] = [];
  let isListing = false;
  for (const [list, kind, nameMember] of LISTS) {
    const items = memberOf(result, list);
    if (!Array.isArray(items)) continue;
    isListing = true;
    for (const [index, item] of (items as unknown[]).entries()) {
      const name = memberOf(item, nameMember);
      if (typeof name !== 'string') continue;
      things.push({ kind, name });
      entries.push({ list, index });
    }
  }
  if (!isListing) return undefined;
  if (things.length > MAX_THINGS) throw new Refusal('answer-refused', 'the answer lists too many things');
  return {
    things,
    keep: (allowed) =>
      keepItems(
        text,
        entries.filter((_, at) => allowed[at] === true),
      ),
  };
}

/** Cut out of the text, since numbers of it may be beyond what a double holds, and line breaks between tokens mean nothing. */
function keepItems(text: Buffer, kept: readonly Entry[]): string {
  let out = '';
  let at = 0;
  for (const { list, from, to, items } of findLists(text, LIST_NAMES)) {
    const left = kept.filter((entry) => entry.list === list).map(({ index }) => items[index]);
    const texts = left.map((span) => text.toString('utf8', span?.from, span?.to));
    out += text.toString('utf8', at, from) + texts.join(',');
    at = to;
  }
  return (out + text.toString('utf8', at)).replaceAll(/[\r\n]/g, '');
}

function parse(text: Buffer): unknown {
  try {
    return parseStrictJson(text);
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    throw new Refusal('answer-refused', `the answer cannot be filtered: ${cause.message}`, { cause });
  }
}
