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
    ['application/json', '{"access_token" :\n "a\\"b\\\\", "x":1}', '{"access_token" :\n "******", "x":1}'],
    ['application/json', '{"access\\u005ftoken":"abc"}', '{"access\\u005ftoken":"***"}'],
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
    ['application/json', '{"keys":-20.5e+7,"n":2}', '{"keys":-11.1e+1,"n":2}'],
    ['application/json', '{"keys":[7, 80],"n":2}', '{"keys":[1, 11],"n":2}'],
    ['application/json', '{"keys":false,"n":2}', '{"keys":false,"n":2}'],
    ['application/json', '{"Access_Token":"abc","DATA":{"a":"b"}}', '{"Access_Token":"***","DATA":{"a":"*"}}'],
    ['application/json', '{"data":[],"d":{"data":{}},"e":"f"}', '{"data":[],"d":{"data":{}},"e":"f"}'],
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
    ['text/xml', '<SecretAccessKey/><B>b</B>', '<SecretAccessKey/><B>b</B>'],
    [
      'application/atom+xml',
      '<SecretAccessKey><![CDATA[a<b]]>c</SecretAccessKey>',
      '<SecretAccessKey><![CDATA[***]]>*</SecretAccessKey>',
    ],
    ['application/x-www-form-urlencoded', 'a=b&access_token=abc%3D&c=d', 'a=b&access_token=******&c=d'],
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

  it('changes no byte that it was given, and keeps the length', () => {
    const given = Buffer.from('{"access_token":"abc"}');
    const copy = Buffer.from(given);
    const masker = new SecretMasker(FIELDS, 'application/json');
    expect(masker.push(given)[0]).toHaveLength(given.length);
    expect(given).toEqual(copy);
    expect(masker.keepsLength).toBe(true);
  });
});
