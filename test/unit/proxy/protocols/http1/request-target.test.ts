import { expect, it } from 'vitest';
import { isTargetFor, readAbsoluteForm } from '../../../../../proxy/protocols/http1/request-target.ts';

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
  ['CONNECT', 'a:', false],
  ['CONNECT', 'a', false],
  ['CONNECT', '/', false],
])('%s %s: %s', (method, target, fits) => {
  expect(isTargetFor(method, target)).toBe(fits);
  // What was accepted last changes nothing.
  expect(isTargetFor(method, target)).toBe(fits);
});
