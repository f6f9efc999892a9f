import { expect, test } from 'vitest';
import type { MintContext } from '../../../../control-plane/credentials/credential-minter.ts';
import { fillTemplate, fillTemplates } from '../../../../control-plane/credentials/template.ts';
import { matchesSelector } from '../../../../control-plane/policy/selectors.ts';
import { MINT_CONTEXT } from '../../../support/control-plane/mint-context.ts';

test.each([
  ['plain', 'plain'],
  ['{{user}}', 'ann@example.com'],
  ['{{agent.oidc.sub}}', 'repo:o/r:ref:main'],
  ['x:{{ agent.oidc.sub }}', 'x:repo%3Ao/r%3Aref%3Amain'],
  ['{{tenant}}/{{workload}}/{{serverWorkload}}', 'acme/agent/orders'],
  ['n{{agent.oidc.n}}', 'n7'],
])('%s gives %s', (template, filled) => {
  expect(fillTemplate(template, MINT_CONTEXT)).toBe(filled);
});

test.each([
  '{{nobody}}',
  '{{agent.none}}',
  '{{agent.oidc.list}}',
  '{{agent.__proto__}}',
  '{{agent.constructor.name}}',
  '{{user',
  '{{ }}',
])('%s is an error, not an empty string', (template) => {
  expect(() => fillTemplate(template, MINT_CONTEXT)).toThrow(/template/);
});

test('a value that holds a template is not filled again, and control characters are refused', () => {
  expect(fillTemplate('u={{user}}', { ...MINT_CONTEXT, user: '{{tenant}}' })).toBe('u=%7B%7Btenant%7D%7D');
  expect(() => fillTemplate('{{user}}', { ...MINT_CONTEXT, user: 'a\r\nb' })).toThrow(/user/);
  expect(() => fillTemplate('{{user}}', { ...MINT_CONTEXT, user: undefined })).toThrow(/user/);
});

test('every character of a value that could pose as the text around it is encoded within text, and none where it stands alone', () => {
  const user = [...Array(95).keys()].map((at) => String.fromCharCode(32 + at)).join('');
  expect(fillTemplate('{{user}}', { ...MINT_CONTEXT, user })).toBe(user);
  const encoded = fillTemplate('u={{user}}', { ...MINT_CONTEXT, user });
  expect(decodeURIComponent(encoded.slice(2))).toBe(user);
  expect(new Set(encoded.slice(2).replaceAll(/%[0-9A-F]{2}/g, ''))).toEqual(
    new Set('-._~@/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'),
  );
});

test.each(['{{user}}', 'u={{user}}'])(
  'a value of 1,024 characters is filled into %s, and none that is longer',
  (template) => {
    const [longest, longer] = [1_024, 1_025].map((length) => ({ ...MINT_CONTEXT, user: 'x'.repeat(length) }));
    if (longest === undefined || longer === undefined) return expect.unreachable();
    expect(fillTemplate(template, longest)).toContain(longest.user);
    expect(() => fillTemplate(template, longer)).toThrow(/user has no usable value/);
  },
);

test('an empty value, a list and an object are no values', () => {
  for (const user of ['', ['a'], { name: 'a' }, null]) {
    const claims = { user } as MintContext['claims'];
    expect(() => fillTemplate('{{agent.user}}', { ...MINT_CONTEXT, claims })).toThrow(/has no usable value/);
  }
});

test('numbers and truth values are written out', () => {
  expect(fillTemplate('{{agent.oidc.n}}', MINT_CONTEXT)).toBe('7');
  expect(fillTemplate('{{agent.oidc.no}}', MINT_CONTEXT)).toBe('false');
});

test('a path of claims ends where there is nothing below, and is none without its first word', () => {
  for (const name of ['agent.kubernetes.namespace.length', 'agent.kubernetes.none', 'agent.']) {
    expect(() => fillTemplate(`{{${name}}}`, MINT_CONTEXT)).toThrow(
      `the template variable ${name} has no usable value`,
    );
  }
  for (const name of ['agent', 'claims.kubernetes.namespace', 'kubernetes.namespace']) {
    expect(() => fillTemplate(`{{${name}}}`, MINT_CONTEXT)).toThrow(`the template variable ${name} is unknown`);
  }
});

test.each([
  [{ oidc: { 'role.main': 'reader', role: { main: 'admin' } } }, 'reader'],
  [{ oidc: { role: { main: 'admin' } } }, 'admin'],
  [{ oidc: { 'role.main': 'reader' } }, 'reader'],
  [{ oidc: { role: ['reader'] } }, undefined],
])('a credential says of %j what a selector of the same name is held against', (claims, role) => {
  const fill = () => fillTemplate('{{agent.oidc.role.main}}', { ...MINT_CONTEXT, claims });
  for (const equals of ['reader', 'admin'])
    expect(matchesSelector({ claim: 'oidc.role.main', equals }, claims)).toBe(equals === role);
  if (role === undefined) expect(fill).toThrow(/no usable value/);
  else expect(fill()).toBe(role);
});

test('a value alone that looks like a template is refused', () => {
  expect(() => fillTemplate('{{user}}', { ...MINT_CONTEXT, user: '{{tenant}}' })).toThrow(/malformed/);
});

test('every text within a value is filled, and nothing else of it changes', () => {
  const value = { a: ['{{tenant}}', { '{{tenant}}': '{{workload}}' }, 1, true, null], b: 'x' };
  expect(fillTemplates(value, MINT_CONTEXT)).toEqual({ a: ['acme', { '{{tenant}}': 'agent' }, 1, true, null], b: 'x' });
});

test.each([
  ['{{agent.oidc.team}}/{{agent.oidc.name}}', { team: 'a/b', name: 'c' }, { team: 'a', name: 'b/c' }],
  ['{{agent.oidc.team}}-{{agent.oidc.name}}', { team: 'a-b', name: 'c' }, { team: 'a', name: 'b-c' }],
  ['{{agent.oidc.team}}.{{agent.oidc.name}}', { team: 'a.b', name: 'c' }, { team: 'a', name: 'b.c' }],
  ['{{agent.oidc.team}}x@{{agent.oidc.name}}', { team: 'ax@b', name: 'c' }, { team: 'a', name: 'bx@c' }],
  ['{{agent.oidc.team}}_{{tenant}}_{{agent.oidc.name}}', { team: 'a_acme', name: 'c' }, { team: 'a', name: 'acme_c' }],
  ['{{agent.oidc.team}}~{{agent.oidc.name}}', { team: 'a~b', name: 'c' }, { team: 'a', name: 'b~c' }],
])('%s is no other for one who chooses where his name is parted (invariant 6)', (template, one, other) => {
  const fill = (oidc: object) => fillTemplate(template, { ...MINT_CONTEXT, claims: { oidc } });
  expect(fill(one)).not.toBe(fill(other));
  expect(decodeURIComponent(fill(one))).toBe(decodeURIComponent(fill(other)));
});

test('what parts nothing stays as it is', () => {
  const claims = { oidc: { team: 'a/b', name: 'c-d.e' } };
  expect(fillTemplate('x-{{agent.oidc.team}}', { ...MINT_CONTEXT, claims })).toBe('x-a/b');
  expect(fillTemplate('{{agent.oidc.team}}:{{agent.oidc.name}}', { ...MINT_CONTEXT, claims })).toBe('a/b:c-d.e');
});

test.each(['{{user}}{{tenant}}', '{{user}}x{{tenant}}', '{{user}}%2F{{tenant}}'])(
  '%s is refused: nothing tells where one value ends',
  (template) => {
    expect(() => fillTemplate(template, MINT_CONTEXT)).toThrow(/parts/);
  },
);
