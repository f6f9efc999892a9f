import { describe, expect, it } from 'vitest';
import { matchGlob } from '../../../../common/match/glob.ts';
import { hostSpecificity, matchHost, parseHostPattern } from '../../../../common/match/host-pattern.ts';
import { canonicalPath } from '../../../../common/match/path.ts';
import { PathPatternError, compilePathPattern } from '../../../../common/match/path-pattern.ts';
import { findRoute } from '../../../../common/match/route-match.ts';

describe('path patterns', () => {
  it.each([
    ['/v1/models', ['/v1/models'], ['/v1/models/', '/v1', '/v1/models/x', '/V1/models']],
    ['/v1/*', ['/v1/a', '/v1/a%20b'], ['/v1', '/v1/', '/v1/a/b']],
    ['/v1/*/x', ['/v1/a/x'], ['/v1/x', '/v1/a/b/x']],
    ['/v1/**', ['/v1', '/v1/', '/v1/a', '/v1/a/b/'], ['/v2/a', '/v1a']],
    ['/**', ['/', '/a', '/a/b'], []],
    ['/**/x', ['/x', '/a/x', '/a/b/x'], ['/a/x/b']],
    ['/a/**/b/**/c', ['/a/b/c', '/a/q/b/q/q/c'], ['/a/c', '/a/b', '/a/c/b']],
    ['/repos/*/pulls*', ['/repos/o/pulls', '/repos/o/pulls-2'], ['/repos/o/pull', '/repos/pulls']],
    ['/a*b*c', ['/abc', '/axbxc'], ['/ac', '/ab', '/acb']],
    ['/aa*aa', ['/aaaa', '/aaxaa'], ['/aaa']],
    ['/a*c', ['/ac', '/abc'], ['/ab', '/acd', '/bc']],
    ['/a*b*b', ['/abb', '/axbxb'], ['/ab']],
    ['/*b*', ['/b', '/bx', '/xb'], ['/', '/x']],
    ['/x:run', ['/x:run', '/x%3Arun'], ['/x%20run']],
    ['/x%3arun', ['/x:run'], []],
    ['/%61dmin', ['/admin'], []],
    ['/projects/*/issues', ['/projects/group%2Fproject/issues'], ['/projects/group/project/issues']],
    ['/projects/group%2fproject', ['/projects/group%2Fproject'], ['/projects/group/project']],
    ['/projects/group%2F*', ['/projects/group%2Fx'], ['/projects/group/x', '/projects/other%2Fx']],
    ['/a//b', ['/a//b'], ['/a/b']],
    ['/a/*', ['/a/b;c', '/a/b%2Fc'], ['/a//b']],
    ['/a;b', ['/a;b', '/a%3Bb'], ['/a']],
  ])('%s', (glob, covered, others) => {
    const pattern = compilePathPattern(glob);
    expect(covered.filter((path) => !pattern.matches(path))).toEqual([]);
    expect(others.filter((path) => pattern.matches(path))).toEqual([]);
  });

  it.each(['', 'a', '*', '/a**', '/a/../b', '//', '/a?b', `/${'*a'.repeat(17)}`, `/${'a'.repeat(1024)}`])(
    'refuses %j',
    (glob) => {
      expect(() => compilePathPattern(glob)).toThrow(PathPatternError);
    },
  );

  it('may have 1024 characters and 16 wildcards', () => {
    const [long, wild] = [`/${'a'.repeat(1023)}`, `/${'*a'.repeat(16)}`];
    expect([long, wild].map((glob) => compilePathPattern(glob).matches(glob))).toEqual([true, true]);
  });

  it.each([
    ['/Admin/', ['/admin', '/ADMIN', '/%61dmin'], ['/admin/', '/admin/x']],
    ['/caf%C3%89', ['/caf%C3%A9', '/CAF%C3%89'], ['/cafe']],
    ['/', ['/'], ['/a']],
    ['/X%3Ay', ['/x:Y'], []],
  ])('read leniently: %s', (glob, covered, others) => {
    const [lenient, exact] = [compilePathPattern(glob, 'lenient'), compilePathPattern(glob)];
    const canonical = covered.map((path) => canonicalPath(path));
    expect(canonical.filter((path) => !lenient.matches(path))).toEqual([]);
    expect(others.filter((path) => lenient.matches(path))).toEqual([]);
    expect(canonical.filter((path) => exact.matches(path))).toEqual(canonical.filter((path) => path === glob));
  });

  it.each([
    ['/users/{id}', '/users/7', { id: '7' }],
    ['/{org}/{repo}/x', '/o/r/x', { org: 'o', repo: 'r' }],
    ['/a/{id}', '/a/b%20c%2Fd', { id: 'b c/d' }],
    ['/{id}/**', '/a/b/c', { id: 'a' }],
    ['/**/{last}', '/a/b/c', { last: 'c' }],
    ['/{first}/**/x/{last}', '/a/b/x/c', { first: 'a', last: 'c' }],
    ['/**/x/**/{last}', '/x/a/b', { last: 'b' }],
    ['/a/b', '/a/b', {}],
    ['/users/{id}', '/users', undefined],
    ['/users/{id}', '/users/', undefined],
    ['/users/{id}', '/users/7/x', undefined],
  ])('%s keeps of %s: %j', (glob, path, values) => {
    expect(compilePathPattern(glob).capture(path)).toEqual(values);
  });

  it.each([
    ['/{a}/{a}', 'stands twice'],
    ['/**/{a}/**', 'between two'],
    ['/{}', 'a variable is'],
    ['/{1a}', 'a variable is'],
    ['/a{b}', 'a variable is'],
    [`/{a${'b'.repeat(32)}}`, 'a variable is'],
  ])('refuses the variables of %s', (glob, why) => {
    expect(() => compilePathPattern(glob)).toThrow(PathPatternError);
    expect(() => compilePathPattern(glob)).toThrow(why);
  });

  it('takes no long time on a hostile path', () => {
    const pattern = compilePathPattern('/**/a*a*a*a*b/**/a*a*a*b/**/c');
    const started = performance.now();
    expect(pattern.matches(`/${'aaaa/'.repeat(1600)}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('globs over claims', () => {
  it.each([
    ['*', '', true],
    ['repo:org/*:ref:refs/heads/main', 'repo:org/a/b:ref:refs/heads/main', true],
    ['a*', 'b', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a.c', 'abc', false],
    ['**x', 'abx', true],
    ['abc', 'abcd', false],
    ['', '', true],
    ['', 'a', false],
  ])('%s on %s: %s', (pattern, text, expected) => {
    expect(matchGlob(pattern, text)).toBe(expected);
  });
});

describe('host patterns and routes', () => {
  it('a wildcard is one label or more', () => {
    expect(matchHost('*.example.com', 'a.example.com')).toBe(true);
    expect(matchHost('*.example.com', 'a.b.example.com')).toBe(true);
    expect(matchHost('*.example.com', 'example.com')).toBe(false);
    expect(matchHost('*.example.com', 'badexample.com')).toBe(false);
    expect(matchHost('*.example.com', '.example.com')).toBe(false);
    expect(matchHost('example.com', 'a.example.com')).toBe(false);
    expect(matchHost('::1', '::1')).toBe(true);
  });

  it('parses patterns and refuses others', () => {
    expect(parseHostPattern('*.Example.COM.')).toBe('*.example.com');
    expect(parseHostPattern('[::1]')).toBe('::1');
    for (const bad of ['*', '*.', '*.*.com', 'a.*.com', '*a.com', '*.1.2.3.4', '']) {
      expect(() => parseHostPattern(bad), bad).toThrow();
    }
  });

  it('the most specific host wins, then the first; the port must be there', () => {
    const any = { name: 'any', hosts: ['*.com'], ports: [443, 80] };
    const wide = { name: 'wide', hosts: ['*.example.com'], ports: [443] };
    const narrow = { name: 'narrow', hosts: ['x.y', '*.eu.example.com'], ports: [443] };
    const exact = { name: 'exact', hosts: ['a.eu.example.com'], ports: [443] };
    const second = { name: 'second', hosts: ['a.eu.example.com'], ports: [443] };
    const none = { name: 'none', hosts: ['a.eu.example.com'], ports: [] };
    const routes = [none, any, wide, narrow, exact, second];
    expect(findRoute(routes, 'a.eu.example.com', 443)?.name).toBe('exact');
    expect(findRoute(routes, 'b.eu.example.com', 443)?.name).toBe('narrow');
    expect(findRoute(routes, 'b.example.com', 443)?.name).toBe('wide');
    expect(findRoute(routes, 'a.eu.example.com', 80)?.name).toBe('any');
    expect(findRoute(routes, 'a.eu.example.com', 8443)).toBeUndefined();
    expect(findRoute(routes, 'example.org', 443)).toBeUndefined();
    expect(hostSpecificity('a.b')).toBeGreaterThan(hostSpecificity('*.a.b.c.d'));
  });
});
