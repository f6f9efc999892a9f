import { foldCase } from '../match/fold-case.ts';
import { foldedKeys, isJsonObject, otherCase } from './strict-json.ts';

/** Reference tokens of a JSON Pointer (RFC 6901), unescaped; the empty pointer, the whole document, has none. */
export type JsonPointer = readonly string[];

/** The tokens of a pointer that is one. */
export function readPointer(text: string): JsonPointer {
  if (text === '') return [];
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function writePointer(pointer: JsonPointer): string {
  return pointer.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

type Selection = { [name: string]: unknown };
/** Names of an object's members without case; made for the first one that is missing. */
type Folded = Map<object, ReadonlySet<string>>;

/**
 * Only the members that the pointers lead to, each in its place; what is not there is left out. A pointer leads through
 * objects, not into lists. With the empty pointer: the whole value.
 *
 * @throws Unreadable when a member differs in case alone from one that is not there
 */
export function selectMembers(value: unknown, pointers: readonly JsonPointer[]): unknown {
  if (pointers.some((pointer) => pointer.length === 0)) return value;
  const selected = emptySelection();
  const folded: Folded = new Map();
  for (const pointer of pointers) copyMember(value, selected, pointer, folded);
  return selected;
}

function copyMember(value: unknown, into: Selection, pointer: JsonPointer, folded: Folded): void {
  const [name, ...rest] = pointer;
  if (name === undefined || !isJsonObject(value)) return;
  if (!Object.hasOwn(value, name)) return expectMissing(value, name, folded);
  const member = value[name];
  const held = into[name];
  if (rest.length === 0) into[name] = member;
  // A member that was taken whole holds what lies below it.
  else if (isJsonObject(member) && held !== member) {
    const inner = isJsonObject(held) ? (held as Selection) : emptySelection();
    into[name] = inner;
    copyMember(member, inner, rest, folded);
  }
}

function expectMissing(value: Readonly<Record<string, unknown>>, name: string, folded: Folded): void {
  const keys = folded.get(value) ?? foldedKeys(value);
  folded.set(value, keys);
  if (keys.has(foldCase(name))) throw otherCase();
}

/** Without a prototype, so that a member named `__proto__` is a member like any other. */
function emptySelection(): Selection {
  return Object.create(null) as Selection;
}
