import { expect, it } from 'vitest';
import { isAuthority, isTargetFor, readAbsoluteForm } from '../../../../../proxy/protocols/http1/request-target.ts';

it.each([
  ['http://a', { scheme: 'http', authority: 'a', rest: '' }],
  ['HTTPS://A:1/b', { scheme: 'https', authority: 'A:1', rest: '/b' }],
  ['https://a?b', { scheme: 'https', authority: 'a', rest: '?b' }],
  ['http://a#b', { scheme: 'http', authority: 'a', rest: '#b' }],
  ['http://a"b$c', { scheme: 'http', authority: 'a"b$c', rest: '' }],
  ['http://a/?to=https://b/', { scheme: 'http', authority: 'a', rest: '/?to=https://b/' }],
  ['http://', { scheme: 'http', authority: '', rest: '' }],
  ['file://a/b', undefined],
  ['httpx://a/b', undefined],
  ['xhttps://a/b', undefined],
  ['http:/a/b', undefined],
  ['//a/b', undefined],
  ['a:80', undefined],
])('the absolute form %s', (target, parts) => {
  expect(readAbsoluteForm(target)).toEqual(parts);
});

it.each([
  ['GET', '/', true],
  ['GET', '*', false],
  ['OPTIONS', '*', true],
  ['GET', 'https://a:65535/', true],
  ['GET', 'https://a:65536/', false],
  ['GET', 'https://a:0/', false],
  ['GET', 'https://u@a/', false],
  ['GET', 'https://a%62/', false],
  ['GET', 'https:///b', false],
  ['GET', 'ftp://a/', false],
  ['GET', 'a:443', false],
  ['CONNECT', 'a:443', true],
  ['CONNECT', 'a:1', true],
  ['CONNECT', 'a:65535', true],
  ['CONNECT', 'a:65536', false],
  ['CONNECT', 'a:0', false],
  ['CONNECT', 'a:', false],
  ['CONNECT', 'a', false],
  ['CONNECT', '/', false],
])('%s %s: %s', (method, target, fits) => {
  expect(isTargetFor(method, target)).toBe(fits);
  // What was accepted last changes nothing.
  expect(isTargetFor(method, target)).toBe(fits);
});

it('a Host field names a host, and perhaps a port', () => {
  const fields = ['a', 'a:', 'a:1', 'a:65535', '[::1]', '[::1]:80', 'A_b~-.1', 'a'.repeat(255)];
  const others = [
    '',
    ':80',
    'a:0',
    'a:65536',
    'a:x',
    'a:1:2',
    'u@a',
    '[::1',
    '[]',
    '::1',
    'a b',
    'a/b',
    'a'.repeat(256),
  ];
  for (let round = 0; round < 2; round += 1) {
    expect(fields.filter((text) => !isAuthority(text))).toEqual([]);
    expect(others.filter(isAuthority)).toEqual([]);
  }
});
