import { describe, expect, it } from 'vitest';
import { matchesSelector, matchesSelectors, readClaim } from '../../../../control-plane/policy/selectors.ts';

const claims = {
  kubernetes: { namespace: 'prod', labels: { 'app.kubernetes.io/name': 'billing' }, uid: 1000 },
  oidc: { groups: ['finance', 'all'], verified: true, nothing: null },
};

describe('selectors', () => {
  it.each([
    [{ claim: 'kubernetes.namespace', equals: 'prod' }, true],
    [{ claim: 'kubernetes.namespace', equals: 'Prod' }, false],
    [{ claim: 'kubernetes.namespace', prefix: 'pr' }, true],
    [{ claim: 'kubernetes.namespace', glob: 'p*d' }, true],
    [{ claim: 'kubernetes.namespace', in: ['test', 'prod'] }, true],
    [{ claim: 'kubernetes.namespace', in: ['test'] }, false],
    [{ claim: 'kubernetes.labels.app.kubernetes.io/name', equals: 'billing' }, true],
    [{ claim: 'kubernetes.uid', equals: '1000' }, true],
    [{ claim: 'oidc.groups', equals: 'finance' }, true],
    [{ claim: 'oidc.groups', equals: 'finance,all' }, false],
    [{ claim: 'oidc.verified', equals: 'true' }, true],
    [{ claim: 'oidc.nothing', glob: '*' }, false],
    [{ claim: 'oidc.missing', glob: '*' }, false],
    [{ claim: 'kubernetes', glob: '*' }, false],
    [{ claim: 'constructor.name', equals: 'Object' }, false],
    [{ claim: '__proto__', glob: '*' }, false],
  ])('%j: %s', (selector, expected) => {
    expect(matchesSelector(selector, claims)).toBe(expected);
  });

  it('wants all of `all` and one of `any`, and nothing matches nothing', () => {
    const yes = { claim: 'kubernetes.namespace', equals: 'prod' };
    const no = { claim: 'kubernetes.namespace', equals: 'x' };
    expect(matchesSelectors({ all: [yes, yes] }, claims)).toBe(true);
    expect(matchesSelectors({ all: [yes, no] }, claims)).toBe(false);
    expect(matchesSelectors({ any: [no, yes] }, claims)).toBe(true);
    expect(matchesSelectors({ all: [yes], any: [no] }, claims)).toBe(false);
    expect(matchesSelectors({}, claims)).toBe(false);
  });

  it('gives a glob up that compares a long claim over and over, and takes others of the longest claims', () => {
    const text = `${'a'.repeat(5_000)}b`;
    const costly = { claim: 'text', glob: `*${'a'.repeat(1_000)}b` };
    expect(() => matchesSelector(costly, { text })).toThrow('too long');
    expect(matchesSelector(costly, { text: text.slice(-1_001) })).toBe(true);
    expect(matchesSelector({ claim: 'text', glob: '*ab' }, { text })).toBe(true);
    const groups = [...Array.from({ length: 400 }, (_, at) => `team-${at}-of-the-company`), 'team-x-admins'];
    expect(matchesSelector({ claim: 'groups', glob: 'team-*-admins' }, { groups })).toBe(true);
  });

  it.each<[claims: unknown, name: string, found: unknown]>([
    [{ a: { b: 1 } }, 'a.b', 1],
    [{ a: { b: 1 }, 'a.b': 2 }, 'a.b', 2],
    [{ a: { b: { c: 1 } }, 'a.b': {} }, 'a.b.c', 1],
    [{ a: { '.b': 1 } }, 'a..b', 1],
    [{ a: 'text' }, 'a.length', undefined],
    [{ a: 'text' }, 'a.0', undefined],
    [{ a: ['one'] }, 'a.0', undefined],
    [{ a: ['one'] }, 'a.length', undefined],
    [{ a: null }, 'a.b', undefined],
    [{ '': { a: 1 } }, '.a', undefined],
    [{}, 'constructor', undefined],
    [undefined, 'a', undefined],
  ])('of %j, %s is %j: the longest key first, and nothing of what is no object', (from, name, found) => {
    expect(readClaim(from, name)).toBe(found);
  });
});
