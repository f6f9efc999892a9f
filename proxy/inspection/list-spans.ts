import { JSON_EVENT, JsonScanner } from '../protocols/json-scanner.ts';

/** Where something stands in a text: from, and up to. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where a list in `result` stands, without its brackets, and each of its items, blanks around it included. */
export interface ListSpan extends Span {
  readonly list: string;
  readonly items: readonly Span[];
}

const [COMMA, OPEN_LIST] = [0x2c, 0x5b];
const LIST_DEPTH = 3;

/** Finds lists of these names among the members of `result`, an object, in JSON that is known to be well-formed and to double no key. */
export function findLists(text: Buffer, names: ReadonlySet<string>): ListSpan[] {
  const scanner = new JsonScanner();
  const found: ListSpan[] = [];
  /** Of the last key at each depth. */
  const keys = ['', '', ''];
  let keyStart = 0;
  let open: { readonly list: string; readonly from: number; readonly items: Span[]; itemStart: number } | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    const isComma = byte === COMMA && !scanner.isInString && scanner.depth === LIST_DEPTH;
    const event = scanner.step(byte);
    const { depth } = scanner;
    if (event === JSON_EVENT.key) keyStart = at;
    else if (event === JSON_EVENT.keyEnd && depth < LIST_DEPTH) keys[depth] = readKey(text.subarray(keyStart, at + 1));
    else if (event === JSON_EVENT.open && depth === LIST_DEPTH && byte === OPEN_LIST) {
      const [, outer, list = ''] = keys;
      if (outer === 'result' && names.has(list)) open = { list, from: at + 1, items: [], itemStart: at + 1 };
    } else if (open !== undefined && (isComma || depth < LIST_DEPTH)) {
      open.items.push({ from: open.itemStart, to: at });
      open.itemStart = at + 1;
      if (isComma) continue;
      found.push({ list: open.list, from: open.from, to: at, items: open.items });
      open = undefined;
    }
  }
  return found;
}

function readKey(text: Buffer): string {
  return String(JSON.parse(text.toString()));
}
