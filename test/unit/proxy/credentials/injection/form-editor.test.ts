import { describe, expect, test } from 'vitest';
import { type FormEdit, FormEditor } from '../../../../../proxy/credentials/injection/form-editor.ts';
import { onEveryCut, transformed } from '../../../../support/protocols/body-transform.ts';

const SET: FormEdit = { kind: 'set', pair: Buffer.from('key=SECRET') };
const edited = (body: string, edit: FormEdit = SET, name = 'key'): string =>
  onEveryCut(() => new FormEditor(name, edit), body);

describe('a field is set', () => {
  test.each([
    ['', 'key=SECRET'],
    ['a=1', 'a=1&key=SECRET'],
    ['key=mine', 'key=SECRET'],
    ['key=mine&a=1', 'a=1&key=SECRET'],
    ['a=1&key=mine&b=2', 'a=1&b=2&key=SECRET'],
    ['a=1&key=mine&key=other', 'a=1&key=SECRET'],
    ['KEY=mine', 'key=SECRET'],
    ['%6Bey=mine&a=1', 'a=1&key=SECRET'],
    // CGI.pm of Perl and ASP.NET.
    ['%u006bey=mine&a=1', 'a=1&key=SECRET'],
    ['key[]=mine&a=1', 'a=1&key=SECRET'],
    ['key&a=1', 'a=1&key=SECRET'],
    ['a=1;key=mine', 'a=1&key=SECRET'],
    ['key=mine;a=1', 'a=1&key=SECRET'],
    ['a=key=b', 'a=key=b&key=SECRET'],
    ['a=1&&b', 'a=1&&b&key=SECRET'],
    ['keys=1', 'keys=1&key=SECRET'],
    ['a=%26key%3D1', 'a=%26key%3D1&key=SECRET'],
  ])('%s', (body, expected) => {
    expect(edited(body)).toBe(expected);
  });

  test.each([
    ['card[number]', 'card[number]=1&card[cvc]=2', 'card[cvc]=2&key=SECRET'],
    ['card[number]', 'card%5Bnumber%5D=1&a=2', 'a=2&key=SECRET'],
    ['clé', 'cl%C3%A9=1&cle=2', 'cle=2&key=SECRET'],
  ])('a field named %s', (name, body, expected) => {
    expect(edited(body, SET, name)).toBe(expected);
  });

  test('what the agent had there is reported by name', () => {
    const transform = new FormEditor('key', SET);
    transformed(transform, 'key=1&key=2', [3]);
    expect(transform.removed).toEqual(['form:key']);
  });

  test('long values pass or go', () => {
    const long = 'x'.repeat(100_000);
    expect(transformed(new FormEditor('key', SET), `a=${long}&key=${long}`, [1_000])).toBe(`a=${long}&key=SECRET`);
  });

  test('a name without end is refused', () => {
    expect(transformed(new FormEditor('key', SET), 'a'.repeat(10_000), [100])).toBe('injection-refused');
  });
});

test('a value is changed in its place, once', () => {
  const replace = (text: string): string | undefined => (text.includes('HOLD') ? text.replace('HOLD', 'S') : undefined);
  const edit: FormEdit = { kind: 'substitute', replace };
  expect(edited('a=HOLD&key=xHOLD&key=1&key=HOLD&b', edit)).toBe('a=HOLD&key=xS&key=1&key=HOLD&b');
  expect(edited('a=1', edit)).toBe('a=1');
  expect(edited('', edit)).toBe('');
  const long = `key=${'x'.repeat(9_000)}HOLD`;
  expect(transformed(new FormEditor('key', edit), long, [1_000])).toBe(`key=${'x'.repeat(9_000)}S`);
  expect(transformed(new FormEditor('key', edit), `key=${'x'.repeat(70_000)}`, [1_000])).toBe('injection-refused');
});
