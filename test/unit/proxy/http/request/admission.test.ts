import { expect, test } from 'vitest';
import { admit, countForwards, viaPseudonym } from '../../../../../proxy/http/request/admission.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { NO_BODY, type RequestHead } from '../../../../../proxy/protocols/heads.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';

/** What no policy can allow. */

function head(method: string, fields: readonly (readonly [string, string])[] = [], waits = false): RequestHead {
  return {
    method,
    target: '/',
    version: '1.1',
    headers: HeaderList.from(fields),
    framing: NO_BODY,
    keepAlive: true,
    expectContinue: waits,
  };
}

function reasonOf(run: () => void): string {
  try {
    run();
    return 'passes';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.reason;
  }
}

const VIA = viaPseudonym('0123456789abcdef');

test('a pseudonym says no more than a part of the instance', () => expect(VIA).toBe('sidekey-01234567'));

test.each([
  ['GET', 'passes'],
  ['PROPFIND', 'passes'],
  // Another method than any that rules tell apart, whatever its case.
  ['propfind', 'passes'],
  ['TRACE', 'method-refused'],
  ['TRACK', 'method-refused'],
  ['CONNECT', 'method-refused'],
  ['trace', 'method-refused'],
  ['get', 'method-refused'],
  ['Delete', 'method-refused'],
])('the method %s: %s', (method, expected) => expect(reasonOf(() => admit(head(method), VIA))).toBe(expected));

test('no expectation is forwarded but the one that is kept', () => {
  expect(reasonOf(() => admit(head('POST', [['expect', 'more']]), VIA))).toBe('expectation-failed');
  const idle = head('POST', [['expect', '100-Continue']]);
  admit(idle, VIA);
  expect(idle.headers.has('expect')).toBe(false);
  const waiting = head('POST', [['expect', '100-continue']], true);
  admit(waiting, VIA);
  expect(waiting.headers.has('expect')).toBe(true);
});

test('our own entry in any Via is a loop', () => {
  const through = (...vias: string[]) =>
    reasonOf(() =>
      admit(
        head(
          'GET',
          vias.map((via) => ['via', via]),
        ),
        VIA,
      ),
    );
  expect(through('1.1 other', '1.1 sidekey-76543210')).toBe('passes');
  expect(through('1.1 other', `1.0 more, 1.1 ${VIA}`)).toBe('loop-refused');
});

test.each([
  ['OPTIONS', '3', false, '2'],
  ['OPTIONS', '1', false, '0'],
  ['OPTIONS', '0', true, '0'],
  ['OPTIONS', undefined, false, undefined],
  ['GET', '0', false, '0'],
  ['GET', 'many', false, 'many'],
])('Max-Forwards of %s: %s is answered here: %s, and goes on as %s', (method, text, isOurs, left) => {
  const request = head(method, text === undefined ? [] : [['max-forwards', text]]);
  expect([countForwards(request), request.headers.get('max-forwards')]).toEqual([isOurs, left]);
});

test.each(['many', '-1', '1234567890', '1 '])('Max-Forwards of OPTIONS is no "%s"', (text) => {
  expect(reasonOf(() => countForwards(head('OPTIONS', [['max-forwards', text]])))).toBe('bad-request');
});
