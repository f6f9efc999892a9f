import { describe, expect, it } from 'vitest';
import { SecretMasker } from '../../../../proxy/inspection/secret-masker.ts';

const FIELDS = ['access_token', 'SecretAccessKey', 'keys', 'data'];

function mask(type: string, pieces: readonly Buffer[]): string {
  const masker = new SecretMasker(FIELDS, type);
  return Buffer.concat([...pieces.flatMap((piece) => masker.push(piece)), ...masker.end()]).toString();
}

describe('SecretMasker', () => {
  it.each([
    ['application/json', '{"access_token":"abc","a":"abc"}', '{"access_token":"***","a":"abc"}'],
    ['application/json', '{"access_token" :\r\n\t"a\\"b\\\\", "x":1}', '{"access_token" :\r\n\t"******", "x":1}'],
    ['application/json', '{"Access\\u005ftoken":"abc"}', '{"Access\\u005ftoken":"***"}'],
    ['application/json', '{"\\k":"no JSON"}', '{"\\k":"no JSON"}'],
    [
      'application/json',
      '{"access_token":null,"b":"access_token","c":"abc"}',
      '{"access_token":null,"b":"access_token","c":"abc"}',
    ],
    ['application/json', '{"keys":["a","bc"],"d":"e"}', '{"keys":["*","**"],"d":"e"}'],
    [
      'application/json',
      '{"data":{"user":"u","deep":[{"k":"v"}],"n":23,"b":true},"d":"e"}',
      '{"data":{"user":"*","deep":[{"k":"*"}],"n":11,"b":true},"d":"e"}',
    ],
    [
      'application/json',
      '{"data" : {\n "user" : "u",\n "deep" : [ "v" ]\n},\n "d" : "e"}',
      '{"data" : {\n "user" : "*",\n "deep" : [ "*" ]\n},\n "d" : "e"}',
    ],
    ['application/json', '{"keys":-20.5e+7,"n":2}', '{"keys":-11.1e+1,"n":2}'],
    ['application/json', '{"keys":9E9,"n":2}', '{"keys":1E1,"n":2}'],
    ['application/json', '{"keys":[7, 80],"n":2}', '{"keys":[1, 11],"n":2}'],
    ['application/json', '{"keys":false,"n":2}', '{"keys":false,"n":2}'],
    ['application/json', '{"Access_Token":"abc","DATA":{"a":"b"}}', '{"Access_Token":"***","DATA":{"a":"*"}}'],
    ['application/json', '{"data":[],"d":{"data":{}},"e":"f"}', '{"data":[],"d":{"data":{}},"e":"f"}'],
    ['application/x-ndjson', '{"keys":[7]}\n{"a":"b"}\n', '{"keys":[1]}\n{"a":"b"}\n'],
    ['text/event-stream', 'data: {"access_token":"abc"}\n\n', 'data: {"access_token":"***"}\n\n'],
    ['application/x-amz-json-1.1', '{"SecretAccessKey":"é"}', '{"SecretAccessKey":"**"}'],
    [
      'text/xml',
      '<R><a:SecretAccessKey x="y">k&amp;</a:SecretAccessKey><B>b</B></R>',
      '<R><a:SecretAccessKey x="y">******</a:SecretAccessKey><B>b</B></R>',
    ],
    [
      'text/xml',
      `<A b="c" keys = "d/>e" f='g>'/><B Keys='"h"'>i</B>`,
      `<A b="c" keys = "****" f='g>'/><B Keys='***'>i</B>`,
    ],
    [
      'text/xml',
      `<!-- don't --><x:KEYS a="${'b'.repeat(150)}/">c</x:KEYS>`,
      `<!-- don't --><x:KEYS a="${'b'.repeat(150)}/">*</x:KEYS>`,
    ],
    ['text/xml', `<keys ${'a '.repeat(59)}bc/ b="d">e</keys>`, `<keys ${'a '.repeat(59)}bc/ b="d">*</keys>`],
    ['text/xml', '<SecretAccessKey/>a<B>b</B>', '<SecretAccessKey/>a<B>b</B>'],
    ['text/xml', '<A><![CDATA[a]]></A>', '<A><![CDATA[a]]></A>'],
    ['text/xml', '<A><![CDATA[<keys>b</keys>]]></A>', '<A><![CDATA[<keys>*</keys>]]></A>'],
    ['text/xml', "<!-- don't --><A>isn't</A><keys>b</keys>", "<!-- don't --><A>isn't</A><keys>*</keys>"],
    ['text/html', 'a < b <keys>c</keys>', 'a < b <keys>*</keys>'],
    [
      'application/atom+xml',
      '<SecretAccessKey><![CDATA[a<b]]>c</SecretAccessKey>',
      '<SecretAccessKey><![CDATA[***]]>*</SecretAccessKey>',
    ],
    [
      'application/xml',
      '<keys><![CDATA[a]>b]]c>d]]]><![CDATA[>e]]></keys>',
      '<keys><![CDATA[*]**]]***]]]><![CDATA[**]]></keys>',
    ],
    ['application/x-www-form-urlencoded', 'a=b&Access_token=abc%3D&c=d', 'a=b&Access_token=******&c=d'],
    ['text/plain', 'access_token=abc&a=b', 'access_token=***&a=b'],
    ['text/plain', 'The "keys" are these: "abc"', 'The "keys" are these: "abc"'],
    ['', 'access_token=abc&a={"keys":"b"}', 'access_token=***&a={"keys":"*"}'],
    ['text/html', '<b keys="c">d</b><keys>e</keys>{"keys":"f"}', '<b keys="*">d</b><keys>*</keys>{"keys":"*"}'],
    ['application/octet-stream', 'access_token=abc{"keys":"b\0"}', 'access_token=abc{"keys":"**"}'],
  ])('%s: %s', (type, sent, expected) => {
    const bytes = Buffer.from(sent);
    expect(mask(type, [bytes])).toBe(expected);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(mask(type, [bytes.subarray(0, at), bytes.subarray(at)])).toBe(expected);
    }
    expect(
      mask(
        type,
        [...bytes].map((byte) => Buffer.from([byte])),
      ),
    ).toBe(expected);
  });

  it('refuses a value that is nested more deeply than it follows', () => {
    const nested = (depth: number): Buffer =>
      Buffer.from(`{"data":${'['.repeat(depth)}"a"${']'.repeat(depth - 1)},"abc"]}`);
    expect(mask('application/json', [nested(100)])).toBe(`{"data":${'['.repeat(100)}"*"${']'.repeat(99)},"***"]}`);
    expect(() => mask('application/json', [nested(101)])).toThrow('nested too deeply');
  });

  it.each(['', 'text/plain', 'application/json', 'image/svg+xml', 'application/x-www-form-urlencoded'])(
    'refuses %s in which each character has more than one byte',
    (type) => {
      expect(() => mask(type, [Buffer.from('{"access_token":"abc"}', 'utf16le')])).toThrow('another charset');
    },
  );

  it('changes no byte that it was given, and keeps the length', () => {
    const given = Buffer.from('{"access_token":"abc"}');
    const copy = Buffer.from(given);
    const masker = new SecretMasker(FIELDS, 'application/json');
    expect(masker.push(given)[0]).toHaveLength(given.length);
    expect(given).toEqual(copy);
    expect(masker.keepsLength).toBe(true);
  });
});
