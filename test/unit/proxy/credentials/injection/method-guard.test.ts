import { describe, expect, it } from 'vitest';
import { methodGuardFor } from '../../../../../proxy/credentials/injection/method-guard.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data; boundary=x';
const JSON_TYPE = 'application/json';
const LONG = 200;

function passes(type: string, pieces: readonly Buffer[]): boolean {
  const guard = methodGuardFor('POST', HeaderList.from([['content-type', type]]));
  if (guard === undefined) throw new Error('no guard');
  try {
    const out = [...pieces.flatMap((piece) => guard.push(piece)), ...guard.end()];
    expect(Buffer.concat(out).equals(Buffer.concat(pieces))).toBe(true);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ reason: 'method-refused' });
    return false;
  }
}

function* cuts(text: string): Generator<Buffer[]> {
  const bytes = Buffer.from(text, 'latin1');
  yield [...bytes].map((byte) => Buffer.from([byte]));
  for (let at = 0; at <= bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

const part = (parameter: string): string => `--x\r\nContent-Disposition: form-data; ${parameter}\r\n\r\nDELETE\r\n`;

describe('A-21 a method named in a body is refused on every cut', () => {
  it.each([
    [FORM, 'a=1&_method=DELETE'],
    [FORM, 'a=1&.method=DELETE'],
    [FORM, 'a=1;_method=DELETE'],
    [FORM, Array.from('x-http-method-override', (char) => `%u00${Buffer.from(char).toString('hex')}`).join('')],
    [FORM, 'a=1&_method'],
    ['', '_method=DELETE'],
    [FORM.toUpperCase(), '_method=DELETE'],
    [MULTIPART.toUpperCase(), part('name="_method"')],
    [JSON_TYPE.toUpperCase(), '{"_method":"DELETE"}'],
    [FORM, 'a=1&X-HTTP-Method-Override=DELETE'],
    [FORM, 'rest_route=/wp/v2/users&a=1'],
    [MULTIPART, part('name="X-HTTP-Method-Override"')],
    [MULTIPART, part('name="rest_route"')],
    [FORM, `${'+%20'.repeat(LONG)}.method=DELETE`],
    [FORM, `_method%00${'x'.repeat(LONG)}=DELETE`],
    [FORM, `_method[${'x'.repeat(LONG)}=DELETE`],
    [FORM, '%5F%6D%65%74%68%6F%64=DELETE'],
    [MULTIPART, part('name="_method"')],
    [MULTIPART, part("name='.method'")],
    ...[...'\t\n\v\f\r \xa0[]\\'].map((char): [string, string] => [
      MULTIPART,
      part(`name="${char.repeat(LONG)}.method"`),
    ]),
    [MULTIPART, part(`name=${' \t'.repeat(LONG)}_method`)],
    [MULTIPART, part(`name="${'[]'.repeat(LONG)}_method"`)],
    [MULTIPART, part("name*=utf-8'en'_method")],
    [MULTIPART, part("name*=utf-8''%5Fmethod")],
    [MULTIPART, part("name*=iso-8859-1''_method")],
    [MULTIPART, part(`name*=utf-8'${'e'.repeat(LONG)}'_method`)],
    [MULTIPART, part('name*0="_met"; name*1="hod"')],
    [MULTIPART, part(`title=x;${' \t'.repeat(LONG)}name*0*=utf-8''_met; name*1*=hod`)],
    [MULTIPART, part('name="=?utf-8?B?X21ldGhvZA==?="')],
    [MULTIPART, part('name=" =?utf-8?Q?=5Fmethod?="')],
    [MULTIPART, part('name="_m\\eth\\od"')],
    [MULTIPART, part(`name=${' \t'.repeat(LONG)}[ \\ ]_method`)],
    [MULTIPART, part(`name= ${' \t'.repeat(LONG)}' [_method'`)],
    [JSON_TYPE, `{"a":[1],"_method"${' \n'.repeat(LONG)}:"DELETE"}`],
    [JSON_TYPE, '{"\\u005fme\\u0074hod":"DELETE"}'],
    ...[
      '_method',
      '_MeThOd',
      '_\\u006dethod',
      '\\u005Fmethod',
      '\\u005f\\u006D\\u0065\\u0074\\u0068\\u006f\\u0064',
    ].map((name): [string, string] => [
      JSON_TYPE,
      `{"a":"${'x'.repeat(LONG)}","${name}"${' '.repeat(LONG)}:"${'y'.repeat(LONG)}"}`,
    ]),
  ])('%s: %j', (type, body) => {
    for (const pieces of cuts(body)) expect(passes(type, pieces)).toBe(false);
  });
});

/** Of a pattern that tries every way to share them out between two of its parts, these take minutes. */
describe('what a pattern skips is gone through once', () => {
  const blanks = ' \t'.repeat(250_000);
  it.each([
    [MULTIPART, `name=${blanks}`],
    [MULTIPART, `name=${blanks}"${blanks}`],
    [MULTIPART, `name=${blanks}[${blanks}]${'[]'.repeat(250_000)}`],
    [MULTIPART, `name${blanks}=${blanks}utf-8'${blanks}'${blanks}`],
    [MULTIPART, `;${blanks}name${blanks}=${blanks}"${blanks}`],
    [MULTIPART, `${';\t'.repeat(250_000)}name`],
    [JSON_TYPE, `"_method"${blanks}"`],
    [FORM, `${blanks}[${blanks}x`],
  ])('%s', (type, body) => {
    expect(passes(type, [Buffer.from(body)])).toBe(true);
  });
});

describe('what only looks like it passes', () => {
  it.each([
    [FORM, `a=_method&payment_method=x&${'m'.repeat(LONG)}=_method=`],
    [FORM, 'x.method=1&_methods=1&__method=2&_met=hod'],
    [MULTIPART, part('name="payment_method"') + part('name="x"; title="_method"')],
    [MULTIPART, part(`name="x"; filename*=utf-8''_x; filename="=?utf-8?B?eA==?="`) + '[name*="x"] char *name*= "\n'],
    [JSON_TYPE, '{"a":"_method","b":"\\"_method\\":1","c_method":1}'],
  ])('%s: %j', (type, body) => {
    for (const pieces of cuts(body)) expect(passes(type, pieces)).toBe(true);
  });

  it.each([
    ['PUT', FORM],
    ['POST', 'application/octet-stream'],
    ['POST', 'text/plain'],
  ])('%s of %s', (method, type) => {
    expect(methodGuardFor(method, HeaderList.from([['content-type', type]]))).toBeUndefined();
  });
});
