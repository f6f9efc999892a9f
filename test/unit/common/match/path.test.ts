import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ALL_PATHS,
  PathError,
  STRICT_PATHS,
  canonicalPath,
  pathReadings,
  readingsWithoutFormat,
  splitTarget,
} from '../../../../common/match/path.ts';

describe('canonicalPath', () => {
  it.each([
    ['/', '/'],
    ['/a/b/', '/a/b/'],
    ['/a/%62', '/a/b'],
    ['/%7euser/%41', '/~user/A'],
    ['/a%20b%3ac', '/a%20b%3Ac'],
    ["/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="],
    ['/{id}|"<>^`[]', '/%7Bid%7D%7C%22%3C%3E%5E%60%5B%5D'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a.b/..c/...', '/a.b/..c/...'],
    ['/%2541', '/%2541'],
    ['/.well-known/x', '/.well-known/x'],
  ])('%s is %s, and stays so', (raw, path) => {
    expect(canonicalPath(raw)).toBe(path);
    expect(canonicalPath(path)).toBe(path);
  });

  it.each([
    '',
    '*',
    'a',
    'http://a/',
    '//',
    '/a//b',
    '/.',
    '/..',
    '/a/./b',
    '/a/../b',
    '/a/..',
    '/%2e%2e/b',
    '/.%2E/b',
    '/%2e',
    '/a/%2E/b',
    '/..;/b',
    '/..;a=1/b',
    '/a;x',
    '/a%3bx',
    '/a%3Bx',
    '/a\\b',
    '/a%5cb',
    '/a%2fb',
    '/a%2Fb',
    '/a%00',
    '/a%0d%0a',
    '/a%7f',
    '/a\0',
    '/a b',
    '/a\tb',
    '/a\r\nb',
    '/é',
    '/a%',
    '/a%4',
    '/a%zz',
    '/a%u002e',
    '/%c0%ae%c0%ae/',
    '/%c0%af',
    '/%e0%80%af',
    '/%ff',
    '/%80',
    '/%ed%a0%80',
    '/%f8%80%80%80%af',
    '/%252e%252e/',
    '/%25%32%65',
    '/%252f',
    '/%25252F',
    '/%255c',
    '/%2500',
    '/a?b',
    '/a#b',
    '/a%c3',
  ])('refuses %j', (raw) => {
    expect(() => canonicalPath(raw)).toThrow(PathError);
  });

  it('is idempotent and leaves no structure for a decoder to find', () => {
    const unit = fc.oneof(
      fc.constantFrom('/', '.', '%2e', '%2F', '%25', '%', ';', '\\', 'a', '%61', '%C3%A9', '*', ' ', '%00'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
        let path: string;
        try {
          path = canonicalPath(`/${units.join('')}`);
        } catch (error) {
          expect(error).toBeInstanceOf(PathError);
          return;
        }
        expect(canonicalPath(path)).toBe(path);
        const decoded = decodeURIComponent(path);
        expect(decoded.split('/').length).toBe(path.split('/').length);
        expect(decoded).not.toMatch(/\/\.\.?(\/|$)|\/\/|[\\;\0-\x1f]/);
        expect(new URL(`http://h${path}`).pathname).toBe(path);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('canonicalPath with forms that a server tells apart', () => {
  const encodedSlash = { ...STRICT_PATHS, encodedSlash: true };
  const emptySegments = { ...STRICT_PATHS, emptySegments: true };
  const parameters = { ...STRICT_PATHS, parameters: true };

  it.each([
    ['/api/v4/projects/group%2fproject/issues', '/api/v4/projects/group%2Fproject/issues', encodedSlash],
    ['/@scope%2Fname', '/@scope%2Fname', encodedSlash],
    ['/bucket/a//b/', '/bucket/a//b/', emptySegments],
    ['/a;v=1/b%3bc', '/a;v=1/b%3Bc', parameters],
    ['/a%2F%2Fb', '/a%2F%2Fb', { ...encodedSlash, emptySegments: true }],
  ])('%s is %s, and stays so', (raw, path, forms) => {
    expect(canonicalPath(raw, forms)).toBe(path);
    expect(canonicalPath(path, forms)).toBe(path);
    expect(() => canonicalPath(raw)).toThrow(PathError);
  });

  it.each([
    ['/a%2f..%2fb', ALL_PATHS],
    ['/a/..%2Fb', ALL_PATHS],
    ['/a%2F.', ALL_PATHS],
    ['/..;/b', ALL_PATHS],
    ['/.%3bx/b', ALL_PATHS],
    ['/a%2F..;x/b', ALL_PATHS],
    ['//evil.example/', ALL_PATHS],
    ['/a%5cb', ALL_PATHS],
    ['/a%252fb', ALL_PATHS],
    ['/a%2F%2Fb', encodedSlash],
    ['/a/%2Fb', encodedSlash],
    ['/a/;x/b', parameters],
    ['/a;x', encodedSlash],
    ['/a b', ALL_PATHS],
    ['/a\\b;x', parameters],
    ['/é;x', parameters],
    ['/a//b', { ...encodedSlash, parameters: true }],
  ])('still refuses %s', (raw, forms) => {
    expect(() => canonicalPath(raw, forms)).toThrow(PathError);
  });

  it('are read leniently in every way for rules that deny', () => {
    expect(pathReadings('/a/b')).toEqual(['/a/b']);
    expect(pathReadings('/')).toEqual(['/']);
    expect(pathReadings('/a/')).toEqual(['/a/', '/a']);
    expect(new Set(pathReadings('/a%2F;b'))).toEqual(new Set(['/a%2F;b', '/a/;b', '/a%2F', '/a/', '/a']));
    expect(pathReadings('/a%2Fb')).toEqual(['/a%2Fb', '/a/b']);
    expect(pathReadings('/a/%2Fb')).toEqual(['/a/%2Fb', '/a//b', '/a/b']);
    expect(new Set(pathReadings('/a%2Fb//c;d'))).toEqual(
      new Set(['/a%2Fb//c;d', '/a/b//c;d', '/a%2Fb//c', '/a/b//c', '/a%2Fb/c;d', '/a/b/c;d', '/a%2Fb/c', '/a/b/c']),
    );
    // Caddy's matcher, and Windows.
    expect(pathReadings('/a.')).toEqual(['/a.', '/a']);
    expect(pathReadings('/a%20')).toEqual(['/a%20', '/a']);
    expect(pathReadings('/a..%20/b%20.json.')).toEqual(['/a..%20/b%20.json.', '/a/b%20.json']);
    expect(pathReadings('/a./')).toEqual(['/a./', '/a/', '/a.', '/a']);
    expect(pathReadings('/a.;x')).toContain('/a');
    expect(pathReadings('/.a/b.c')).toEqual(['/.a/b.c']);
    expect(pathReadings(`/${'.'.repeat(60_000)}a`)).toHaveLength(1);
  });
});

describe('readingsWithoutFormat', () => {
  it.each([
    ['/a.json', ['/a.json', '/a']],
    ['/a.b.xml', ['/a.b.xml', '/a.b']],
    ['/a.json/', ['/a.json/', '/a.json', '/a']],
    ['/a.5', ['/a.5']],
    ['/.json', ['/.json']],
    ['/a.json.', ['/a.json.', '/a.json', '/a']],
    ['/a.json/b', ['/a.json/b']],
    ['/a', ['/a']],
  ])('of %s', (path, readings) => {
    expect(readingsWithoutFormat(path)).toEqual(readings);
  });
});

describe('splitTarget', () => {
  it('cuts at the first question mark', () => {
    expect(splitTarget('/a?b?c')).toEqual({ path: '/a', query: 'b?c' });
    expect(splitTarget('/a?')).toEqual({ path: '/a', query: '' });
    expect(splitTarget('/a')).toEqual({ path: '/a', query: undefined });
  });

  it.each(['*', 'a/b', '', 'http://a/b', '/a#b', '/a?b#c'])('refuses %j', (target) => {
    expect(() => splitTarget(target)).toThrow(PathError);
  });
});
