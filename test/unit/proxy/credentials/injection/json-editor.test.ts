import { describe, expect, test } from 'vitest';
import { type JsonEdit, JsonEditor, pointerTokens } from '../../../../../proxy/credentials/injection/json-editor.ts';
import { onEveryCut, transformed } from '../../../../support/protocols/body-transform.ts';

const SET: JsonEdit = { kind: 'set', json: Buffer.from('"SECRET"') };
const editor = (pointer: string, edit: JsonEdit = SET) => new JsonEditor(pointer, pointerTokens(pointer) ?? [], edit);
const edited = (pointer: string, body: string | Buffer, edit: JsonEdit = SET): string =>
  onEveryCut(() => editor(pointer, edit), body);
const escaped = (text: string): string =>
  [...text].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

describe('a member is set', () => {
  test.each([
    ['/key', '{}', '{"key":"SECRET"}'],
    ['/key', ' { } ', ' { "key":"SECRET"} '],
    ['/key', '{"a":1}', '{"a":1,"key":"SECRET"}'],
    ['/key', '{"key":"mine","a":1}', '{"key":"SECRET","a":1}'],
    ['/key', '{"a":1, "key" : 12}', '{"a":1, "key" : "SECRET"}'],
    ['/key', '{"key":-1.5e+3 ,"a":[1,{"key":2}]}', '{"key":"SECRET" ,"a":[1,{"key":2}]}'],
    ['/key', '{"key":{"key":[1,{"b":2}],"c":3},"d":4}', '{"key":"SECRET","d":4}'],
    ['/key', '{"key":[[],{}]}', '{"key":"SECRET"}'],
    ['/key', '{"key":true}', '{"key":"SECRET"}'],
    ['/key', '{"key":null}', '{"key":"SECRET"}'],
    ['/key', '{"key":"a\\"}\\u0041\\\\"}', '{"key":"SECRET"}'],
    ['/key', '{"\\u006bey":1}', '{"\\u006bey":"SECRET"}'],
    ['/key', '{"b":{"key":"other"}}', '{"b":{"key":"other"},"key":"SECRET"}'],
    ['/a/b', '{"a":{"b":1}}', '{"a":{"b":"SECRET"}}'],
    ['/a/b', '{"x":{"b":1},"a":{"c":[{"b":2}]},"y":0}', '{"x":{"b":1},"a":{"c":[{"b":2}],"b":"SECRET"},"y":0}'],
    ['/a/b/c', '{"a":{"b":{}}}', '{"a":{"b":{"c":"SECRET"}}}'],
    ['/a~1b/~0', '{"a/b":{"~":0}}', '{"a/b":{"~":"SECRET"}}'],
    ['/secret', `{"${escaped('secret')}":1}`, `{"${escaped('secret')}":"SECRET"}`],
    ['/é', '{"é":1,"ü":"ß"}', '{"é":"SECRET","ü":"ß"}'],
    ['/', '{"":1}', '{"":"SECRET"}'],
  ])('%s in %s', (pointer, body, expected) => {
    expect(edited(pointer, body)).toBe(expected);
  });

  test('what the agent had there is reported by place', () => {
    const transform = editor('/a/key');
    transformed(transform, '{"a":{"key":"foreign"}}', [5]);
    expect(transform.removed).toEqual(['json:/a/key']);
  });
});

describe('refused', () => {
  test.each([
    ['the name twice', '/key', '{"key":1,"key":2}'],
    ['the name twice, once escaped', '/key', '{"key":1,"k\\u0065y":2}'],
    ['the name in another case', '/key', '{"KEY":1}'],
    ['the name with a Kelvin sign', '/key', '{"\u212aey":1}'],
    ['a name on the way twice', '/a/b', '{"a":{},"a":{}}'],
    ['no object on the way', '/a/b', '{"c":1}'],
    ['a string on the way', '/a/b', '{"a":"b"}'],
    ['an array on the way', '/a/0', '{"a":[1]}'],
    ['an array', '/key', '[{"key":1}]'],
    ['a string', '/key', '"key"'],
    ['nothing', '/key', ''],
    ['a byte order mark', '/key', '\ufeff{}'],
    ['half a document', '/key', '{"key":1'],
    ['half a document behind the member', '/key', '{"key":1,"a":2'],
    ['two documents', '/key', '{}{}'],
    ['a trailing comma', '/key', '{"a":1,}'],
    ['a missing comma', '/key', '{"a":1 "b":2}'],
    ['a missing colon', '/key', '{"a" 1}'],
    ['a name without quotes', '/key', '{a:1}'],
    ['single quotes', '/key', "{'a':1}"],
    ['a comment', '/key', '{/**/}'],
    ['a leading zero', '/key', '{"a":01}'],
    ['a bare point', '/key', '{"a":1.}'],
    ['a bare minus', '/key', '{"a":-}'],
    ['a bare exponent', '/key', '{"a":1e}'],
    ['a plus', '/key', '{"a":+1}'],
    ['NaN', '/key', '{"a":NaN}'],
    ['half a literal', '/key', '{"a":tru}'],
    ['an unknown escape', '/key', '{"a":"\\x41"}'],
    ['half an escape', '/key', '{"a":"\\u00g0"}'],
    ['a control character', '/key', '{"a":"\n"}'],
    ['brackets that do not pair', '/key', '{"a":[1}}'],
    ['too deep', '/key', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`],
  ])('%s', (_, pointer, body) => {
    expect(edited(pointer, body)).toBe('injection-refused');
  });

  test.each([
    ['an overlong k', Buffer.from([0x7b, 0x22, 0xc1, 0xab, 0x65, 0x79, 0x22, 0x3a, 0x31, 0x7d])],
    ['half a character', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc3, 0x22, 0x7d])],
    ['half a character at the end', Buffer.from([...Buffer.from('{"key":1}'), 0xc3])],
  ])('not UTF-8: %s', (_, body) => {
    expect(edited('/key', body)).toBe('injection-refused');
  });
});

describe('a string is changed in its place', () => {
  const edit: JsonEdit = {
    kind: 'substitute',
    replace: (text) => (text.includes('HOLD') ? text.replace('HOLD', 'a"b') : undefined),
  };

  test.each([
    ['{"key":"x HOLD y","b":"HOLD"}', '{"key":"x a\\"b y","b":"HOLD"}'],
    ['{"key":"H\\u004fLD"}', '{"key":"a\\"b"}'],
    ['{"key":"other \\u0041"}', '{"key":"other \\u0041"}'],
    ['{"key":12}', '{"key":12}'],
    ['{"key":{"key":"HOLD"}}', '{"key":{"key":"HOLD"}}'],
    ['{"b":1}', '{"b":1}'],
    ['["HOLD"]', '["HOLD"]'],
  ])('%s', (body, expected) => {
    expect(edited('/key', body, edit)).toBe(expected);
  });

  test('a string or a name that is too long to hold is refused, and nothing else that is long', () => {
    const long = 'a'.repeat(70_000);
    const list = `{"key":["${long}"]}`;
    expect(transformed(editor('/key', edit), list, [4096])).toBe(list);
    expect(transformed(editor('/key', edit), `{"key":"${long}"}`, [4096])).toBe('injection-refused');
    expect(transformed(editor('/key', edit), `{"${long}":1}`, [4096])).toBe('injection-refused');
    expect(transformed(editor('/key', edit), `{"a":{"${long}":"${long}"}}`, [4096])).toContain(long);
  });
});

test('a long body keeps passing: nothing is held but the pieces asked for', () => {
  const big = JSON.stringify({
    key: 'mine'.repeat(20_000),
    items: Array.from({ length: 5_000 }, (_, id) => ({ id, name: `n${id}` })),
  });
  const out: unknown = JSON.parse(transformed(editor('/key'), big, [1000]));
  expect(out).toEqual({ ...(JSON.parse(big) as object), key: 'SECRET' });
});
