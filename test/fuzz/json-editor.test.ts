import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldCase } from '../../common/match/fold-case.ts';
import { JsonEditor, type JsonEdit } from '../../proxy/credentials/injection/json-editor.ts';
import { transformed } from '../support/protocols/body-transform.ts';
import { timeBox } from '../support/time-box.ts';

/** Documents as trees with their very bytes, so that what an edit gives is known byte for byte. */
const { seconds: SECONDS, runs: TIME_BOX } = timeBox();

interface Member {
  readonly name: string;
  /** The name as it is written, and what stands around it and the value. */
  readonly text: string;
  readonly spaces: readonly [string, string, string];
  readonly value: Node;
}
type Node =
  | { readonly kind: 'object'; readonly members: readonly Member[]; readonly end: string }
  | { readonly kind: 'array'; readonly items: readonly Node[]; readonly end: string }
  | { readonly kind: 'string'; readonly value: string; readonly text: string }
  | { readonly kind: 'other'; readonly text: string };

const NAMES = ['a', 'b', 'key', 'KEY', 'kEy', '', '__proto__', 'é', 'É', 'a/b', '~', '𝒳', '"\\'] as const;
const CHARS = ['P', 'a', '"', '\\', '/', 'é', '𝒳', '\n', '{', ']', '\u2028'] as const;

const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'key') },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
);
const space = fc.constantFrom('', '', '', ' ', '\n', '\t \r\n');
const SHORT: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '/': '\\/', '\n': '\\n' };

/** Each UTF-16 unit plain, by a short escape or by its number. */
function quoted(text: string, escapes: readonly number[]): string {
  const units = Array.from({ length: text.length }, (_, at) => {
    const unit = text[at] ?? '';
    const number = `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    const choice = escapes[at % escapes.length] ?? 0;
    // Half a pair stands for no character in UTF-8.
    const mustBeWhole = /[\ud800-\udfff]/.test(unit);
    if (mustBeWhole) return (escapes[0] ?? 0) === 2 ? number : unit;
    if (choice === 2) return number;
    return /["\\\n]/.test(unit) || choice === 1 ? (SHORT[unit] ?? unit) : unit;
  });
  return `"${units.join('')}"`;
}

const escapes = fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 4 });
const string = fc
  .tuple(fc.string({ unit: fc.constantFrom(...CHARS), maxLength: 12 }), escapes)
  .map(([value, used]): Node => ({ kind: 'string', value, text: quoted(value, used) }));
const other = fc
  .constantFrom('0', '-0', '1e9', '-12.5E+3', 'true', 'false', 'null')
  .map((text): Node => ({ kind: 'other', text }));

const { node, object } = fc.letrec<{ node: Node; object: Node; member: Member }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 2, arbitrary: string },
    { weight: 1, arbitrary: other },
    { weight: 4, arbitrary: tie('object') },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.array(tie('node'), { maxLength: 3 }), space)
        .map(([items, end]): Node => ({ kind: 'array', items, end })),
    },
  ),
  object: fc
    .tuple(fc.array(tie('member'), { maxLength: 4 }), space)
    .map(([members, end]): Node => ({ kind: 'object', members, end })),
  member: fc
    .tuple(name, escapes, fc.tuple(space, space, space), tie('node'))
    .map(([named, used, spaces, value]): Member => ({ name: named, text: quoted(named, used), spaces, value })),
}));

/** Mostly one that is there, as far as it goes. */
function wayInto(tree: Node, steps: readonly (readonly [number, string])[]): string[] {
  const way: string[] = [];
  let at: Node | undefined = tree;
  for (const [choice, otherName] of steps) {
    if (way.length > 0 && at?.kind !== 'object' && choice % 6 > 0) break;
    const members: readonly Member[] = at?.kind === 'object' ? at.members : [];
    const member = choice % 7 === 0 ? undefined : members[choice % Math.max(1, members.length)];
    way.push(member?.name ?? otherName);
    at = member?.value;
  }
  return way;
}

/** The document's text, with `edit` made at the end of the way; undefined where it is to be refused. */
function written(tree: Node, way: readonly string[], edit: JsonEdit): string | undefined {
  const [token, ...rest] = way;
  if (token === undefined) return edited(tree, edit);
  if (tree.kind !== 'object') return edit.kind === 'set' ? undefined : plain(tree);
  const like = tree.members.filter((member) => foldCase(member.name) === foldCase(token));
  if (like.length > 1 || like.some((member) => member.name !== token)) return undefined;
  const texts = tree.members.map((member) =>
    memberText(member, member === like[0] ? written(member.value, rest, edit) : plain(member.value)),
  );
  if (texts.includes(undefined)) return undefined;
  const body = texts.join(',') + tree.end;
  if (like.length === 1 || edit.kind !== 'set') return `{${body}}`;
  if (rest.length > 0) return undefined;
  return `{${body}${texts.length > 0 ? ',' : ''}${JSON.stringify(token)}:${edit.json.toString()}}`;
}

function edited(tree: Node, edit: JsonEdit): string {
  if (edit.kind === 'set') return edit.json.toString();
  const filled = tree.kind === 'string' ? edit.replace(tree.value) : undefined;
  return filled === undefined ? plain(tree) : JSON.stringify(filled);
}

function plain(tree: Node): string {
  switch (tree.kind) {
    case 'object':
      return `{${tree.members.map((member) => memberText(member, plain(member.value))).join(',')}${tree.end}}`;
    case 'array':
      return `[${tree.items.map(plain).join(',')}${tree.end}]`;
    default:
      return tree.text;
  }
}

function memberText({ text, spaces: [before, between, after] }: Member, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `${before}${text}${between}:${before}${value}${after}`;
}

const EDITS: readonly JsonEdit[] = [
  { kind: 'set', json: Buffer.from('"S"') },
  { kind: 'set', json: Buffer.from('{"s":[1]}') },
  { kind: 'substitute', replace: (text) => (text.includes('P') ? text.replaceAll('P', '"secret"') : undefined) },
];
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

test(
  'JSON: the member at the end of the way is ours, every other byte is as it was, and what is ambiguous is refused',
  () => {
    const counts = { edited: 0, refused: 0, deep: 0 };
    const steps = fc.array(fc.tuple(fc.nat({ max: 59 }), name), { minLength: 1, maxLength: 4 });
    const property = fc.property(
      fc.oneof({ weight: 1, arbitrary: node }, { weight: 5, arbitrary: object }),
      steps,
      fc.constantFrom(...EDITS),
      space,
      cuts,
      (tree, choices, edit, around, sizes) => {
        const tokens = wayInto(tree, choices);
        const expected = written(tree, tokens, edit);
        const out = transformed(new JsonEditor('/x', tokens, edit), around + plain(tree) + around, sizes);
        expect(out).toBe(expected === undefined ? 'injection-refused' : around + expected + around);
        if (expected === undefined) counts.refused += 1;
        else if (expected !== plain(tree)) counts[tokens.length > 1 ? 'deep' : 'edited'] += 1;
      },
    );
    fc.assert(property, TIME_BOX);
    console.log(JSON.stringify(counts));
    const all = Object.values(counts);
    if (all.reduce((sum, count) => sum + count) > 1_000)
      expect(Math.min(...all), 'it gets everywhere').toBeGreaterThan(0);
  },
  SECONDS * 1000 + 30_000,
);
