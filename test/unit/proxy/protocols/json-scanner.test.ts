import { expect, test } from 'vitest';
import { JsonFault, JsonScanner } from '../../../../proxy/protocols/json-scanner.ts';

/** Whether this is a whole document, by the scanner and by JSON.parse. */
function verdicts(text: string): readonly [boolean, boolean] {
  return [holds(() => scan(text), JsonFault), holds(() => JSON.parse(text), SyntaxError)];
}

function scan(text: string): void {
  const scanner = new JsonScanner();
  for (const byte of Buffer.from(text, 'latin1')) scanner.step(byte);
  scanner.end();
}

function holds(run: () => unknown, fault: new () => Error): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof fault) return false;
    throw error;
  }
}

/** Every text of up to so many of the parts. */
function* textsOf(parts: readonly string[], length: number): Generator<string> {
  yield '';
  if (length > 0) for (const text of textsOf(parts, length - 1)) for (const part of parts) yield text + part;
}

test.each<[string, readonly string[], number]>([
  ['brackets', ['{', '}', '[', ']', ',', ':', '""', '1'], 4],
  ['members', ['{"":1', '}', ',', '"":', '1'], 5],
  ['numbers', ['-', '+', '0', '1', '.', 'e'], 5],
  ['words', ['true', 'false', 'null', 'nul', ' '], 3],
])('takes what JSON.parse takes of all short texts of %s', (_, parts, length) => {
  const differing = [...textsOf(parts, length)].filter((text) => {
    const [scanned, parsed] = verdicts(text);
    return scanned !== parsed;
  });
  expect(differing).toEqual([]);
});

test.each([
  '~',
  '~1',
  '1~',
  '1~1',
  '1.5~1',
  '1e~1',
  '1e1~1',
  '[~]',
  '[1~]',
  '[1~2]',
  '{~}',
  '{"a"~1}',
  '{"a":1~}',
  '{~"a":1}',
  '"~"',
  '"\\~"',
  '"\\~000"',
  '"\\u~000"',
  '"\\u000~"',
  '"\\u00000~"',
  '~rue',
  'fals~',
  'nu~l',
])('takes what JSON.parse takes of %s with any byte there', (text) => {
  const differing = Array.from({ length: 256 }, (_each, byte) => text.replace('~', String.fromCharCode(byte))).filter(
    (filled) => {
      const [scanned, parsed] = verdicts(filled);
      return scanned !== parsed;
    },
  );
  expect(differing).toEqual([]);
});

test('takes 128 levels and no more', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  expect(verdicts(nested(128))).toEqual([true, true]);
  expect(verdicts(nested(129))).toEqual([false, true]);
});
