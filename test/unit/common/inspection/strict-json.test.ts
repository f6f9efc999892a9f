import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../../../common/inspection/strict-json.ts';

describe('parseStrictJson', () => {
  it.each([
    ['{}'],
    ['[1, -2.5e3, "a", null, true]'],
    ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}'],
    ['"\\ud83d\\ude00"'],
    ['{"__proto__":1,"constructor":2}'],
    [' {"a" : "\\"{[,:"} '],
    ['{"a":"a","b":"a","c":["a","a",{"a":[]},"a"],"d":{"a":{}}}'],
    ['{"x":"a,","y":"b,","z":"c,","v":"}","w":"]{"}'],
    [String.raw`{"a":"\\","b":"\\\"","c\\":1}`],
    ['[0,9,-0.5e-3,[1e308,-9],{"9":9}]'],
    ['['.repeat(100) + ']'.repeat(100)],
    ['12345678901234567890'],
  ])('reads %s as JSON.parse does', (text) => {
    expect(parseStrictJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['a doubled key', '{"a":1,"a":2}', 'twice'],
    ['a doubled key behind an object', '{"a":{"b":1},"a":2}', 'twice'],
    ['a doubled key behind a list', '{"a":[{"b":[]}],"a":2}', 'twice'],
    ['a doubled key behind a text that is the same', '{"a":"a","b":"a","a":1}', 'twice'],
    ['a doubled key behind a text of brackets', '{"x":"}","x":1}', 'twice'],
    ['a doubled key behind a text of a comma and quotes', String.raw`{"x":"\",","x":1}`, 'twice'],
    ['a doubled key that ends with a backslash', String.raw`{"x\\":1,"x\\":2}`, 'twice'],
    ['a doubled key, escaped', '{"method":1,"m\\u0065thod":2}', 'twice'],
    ['keys that differ in case (Go reads them alike)', '{"name":1,"Name":2}', 'twice'],
    ['the long s, which folds to s', '{"message":1,"me\u017fsage":2}', 'twice'],
    ['the Kelvin sign, which folds to k', '{"key":1,"\u212aey":2}', 'twice'],
    ['a doubled key deep inside', '[{"a":[{"b":{"c":1,"c":1}}]}]', 'twice'],
    ['half a character', '"\\ud83d"', 'half a character'],
    ['half a character in a key', '{"\\udc00":1}', 'half a character'],
    ['a number beyond a double', '{"a":1e999}', 'beyond'],
    ['numbers that begin with any digit', '{"a":[0.1e999]}', 'beyond'],
    ['a number of nines beyond a double', '[9e999]', 'beyond'],
    ['a negative number beyond a double', '[-1e999]', 'beyond'],
    ['too many levels', '['.repeat(101) + ']'.repeat(101), 'nested'],
    ['a byte order mark', '\ufeff{}', 'not JSON'],
    ['a comment', '{/*x*/}', 'not JSON'],
    ['a trailing comma', '{"a":1,}', 'not JSON'],
    ['two values', '{} {}', 'not JSON'],
    ['nothing', '', 'not JSON'],
    ['a cut string', '{"a', 'not JSON'],
    ['a broken escape', '"\\x"', 'not JSON'],
  ])('refuses %s', (_title, text, why) => {
    expect(() => parseStrictJson(Buffer.from(text))).toThrow(why);
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseStrictJson(Buffer.from('{"a":"\xe9"}', 'latin1'))).toThrow('not UTF-8');
    expect(() => parseStrictJson(Buffer.from('{}', 'utf16le'))).toThrow('not JSON');
  });
});
