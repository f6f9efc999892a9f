import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FormEditor } from '../../proxy/credentials/injection/form-editor.ts';
import { JsonEditor, pointerTokens } from '../../proxy/credentials/injection/json-editor.ts';
import { PlaceholderGuard } from '../../proxy/credentials/injection/placeholder-guard.ts';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { transformed } from '../support/protocols/body-transform.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(7);
const TIMEOUT = SECONDS * 1000 + 30_000;

const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
const names = fc.constantFrom('a', 'b', 'key', '', '__proto__', 'é', 'a/b', '~');
const values = fc.jsonValue({ maxDepth: 3 });
const spaces = fc.constantFrom(undefined, 1, '\t', ' \n');
const setting = (pointer: string): JsonEditor =>
  new JsonEditor(pointer, pointerTokens(pointer) ?? [], { kind: 'set', json: Buffer.from('"S"') });

/** An object whose own keys include "__proto__". */
function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.assign(Object.create(null) as object, Object.fromEntries(entries)) as Record<string, unknown>;
}

test(
  'JSON: the member is ours, everything else is as it was, wherever the body is cut',
  () => {
    const property = fc.property(
      fc.uniqueArray(fc.tuple(names, values), { selector: ([name]) => name, maxLength: 6 }),
      names,
      spaces,
      cuts,
      (entries, name, space, sizes) => {
        const text = JSON.stringify(Object.fromEntries(entries), undefined, space);
        const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const out = transformed(setting(pointer), text, sizes);
        const expected = new Map<string, unknown>([...entries, [name, 'S']]);
        const read = JSON.parse(out) as Record<string, unknown>;
        expect(objectOf(Object.entries(read))).toEqual(objectOf([...expected].map(([k, v]) => [k, plain(v)])));
      },
    );
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

/** As JSON has it: no -0, no prototypes. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const fragment = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"key"', '"k\\u0065y"', '\\', '1', '-0', '0.5', '1e9', 'true', 'null'],
  ...[' ', '\n', 'x', 'é', '"KEY"'],
);
test(
  'JSON: what JSON.parse does not take is refused, and what it takes passes or lacks the place',
  () => {
    const property = fc.property(fc.array(fragment, { maxLength: 14 }), cuts, (parts, sizes) => {
      const text = parts.join('');
      const out = transformed(setting('/key'), text, sizes);
      if (out === 'injection-refused') return;
      const before = JSON.parse(text) as Record<string, unknown>;
      expect(JSON.parse(out)).toEqual({ ...before, key: 'S' });
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

test(
  'form: fields of the name are gone but for ours, the others are as they were',
  () => {
    const field = fc.tuple(fc.constantFrom('a', 'b', 'key', 'é', 'k y', ''), fc.string({ maxLength: 8 }));
    const property = fc.property(fc.array(field, { maxLength: 6 }), cuts, (fields, sizes) => {
      const text = new URLSearchParams(fields).toString();
      const out = transformed(new FormEditor('key', { kind: 'set', pair: Buffer.from('key=S') }), text, sizes);
      const expected = fields.filter(([name]) => name !== 'key');
      expect([...new URLSearchParams(out)]).toEqual([...expected, ['key', 'S']]);
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

const substituting = (): FormEditor =>
  new FormEditor('key', {
    kind: 'substitute',
    replace: (text) => (text.includes('P') ? text.replaceAll('P', 'S') : undefined),
  });

test(
  'form: the first value of the name that has a placeholder is filled, every other byte is as it was',
  () => {
    const field = fc.tuple(fc.constantFrom('a', 'key', 'key', 'é'), fc.constantFrom('', 'P', 'xPP', 'y z&', 'é='));
    const property = fc.property(fc.array(field, { maxLength: 6 }), cuts, (fields, sizes) => {
      const first = fields.findIndex(([name, value]) => name === 'key' && value.includes('P'));
      const filled = fields.map(([name, value], at): [string, string] => [
        name,
        at === first ? value.replaceAll('P', 'S') : value,
      ]);
      const wanted = new URLSearchParams(filled).toString();
      expect(transformed(substituting(), new URLSearchParams(fields).toString(), sizes)).toBe(wanted);
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

test(
  'form: whatever is sent as one, it comes to the same on every cut',
  () => {
    const piece = fc.constantFrom('key', 'k%65y', 'KEY[0]', 'a', '=', '=', '&', '&', ';', 'P', '%', '+', '\0', 'é');
    const makes = fc.constantFrom(
      substituting,
      () => new FormEditor('key', { kind: 'set', pair: Buffer.from('key=S') }),
    );
    const property = fc.property(fc.array(piece, { maxLength: 14 }), makes, cuts, (parts, make, sizes) => {
      const text = parts.join('');
      expect(transformed(make(), text, sizes)).toBe(transformed(make(), text, [1_000]));
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

test(
  'a placeholder is found wherever the body is cut, and nothing else is',
  () => {
    const text = fc.array(fc.constantFrom('sk_placeholder_', 'sk_', 'A', 'b-_9AAAAAAA', ' ', '"', 'é'), {
      maxLength: 12,
    });
    const property = fc.property(text, cuts, (parts, sizes) => {
      const body = parts.join('');
      const expected = /sk_placeholder_[\w-]{22}/.test(body) ? 'placeholder-refused' : body;
      expect(transformed(new PlaceholderGuard(new HeaderList()), body, sizes)).toBe(expected);
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

test(
  'an encoded one is found too',
  () => {
    const placeholder = `sk_placeholder_${'Ab0-_'.repeat(5)}`;
    const escapes = [
      (char: string) => char,
      percent,
      (char: string) => `\\u00${hex(char)}`,
      (char: string) => `&#x${hex(char)};`,
    ];
    const encoded = fc.oneof(
      fc.nat({ max: 2 }).map((before) => Buffer.from('x'.repeat(before) + placeholder).toString('base64')),
      fc.tuple(fc.constantFrom(...escapes), fc.nat({ max: 1 })).map(([escape, at]) => {
        return Array.from(placeholder, (char, place) => (place % 2 === at ? escape(char) : char)).join('');
      }),
    );
    const around = fc.array(fc.constantFrom('a', ' ', '"', '%', '\\', 'sk_', 'c2tf', 'z'.repeat(200)), {
      maxLength: 8,
    });
    const property = fc.property(around, encoded, around, cuts, (before, text, behind, sizes) => {
      const body = `${before.join('')} ${text} ${behind.join('')}`;
      expect(transformed(new PlaceholderGuard(new HeaderList()), body, sizes)).toBe('placeholder-refused');
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT,
);

function hex(char: string): string {
  return char.charCodeAt(0).toString(16);
}

function percent(char: string): string {
  return `%${hex(char)}`;
}
