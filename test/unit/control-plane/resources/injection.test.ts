import { describe, expect, it } from 'vitest';
import { accessPolicySpec } from '../../../../control-plane/resources/access-policy.ts';

const parse = (...injects: readonly object[]) =>
  accessPolicySpec.safeParse({
    clientWorkload: 'a',
    serverWorkload: 'b',
    credentials: injects.map((inject) => ({ provider: 'p', inject })),
  });
const header = (more: object): object => ({ type: 'header', name: 'X-Key', ...more });
const placeholder = (place: string, name?: string): object => ({ type: 'placeholder', in: place, name });

describe('injection', () => {
  it.each<[string, object]>([
    ['a template', header({ template: 'Token token="{{credential}}"' })],
    ['a cookie', { type: 'cookie', name: '__Host-sid' }],
    ['a segment', { type: 'path-segment', index: 0, prefix: 'bot' }],
    ['a form field', { type: 'form-field', name: 'card[number]' }],
    ['a JSON field', { type: 'json-field', pointer: '/a/b~1c' }],
    ['a placeholder in a header', placeholder('header', 'Authorization')],
    ['a placeholder in a path', placeholder('path')],
    ['a placeholder in JSON', placeholder('json', '/key')],
    ['a client certificate', { type: 'client-certificate' }],
    ['a token endpoint', { type: 'oauth-token', path: '/oauth/token' }],
  ])('%s', (_, inject) => {
    expect(parse(inject).error).toBeUndefined();
  });

  it.each<[string, object]>([
    ['a template without the credential', header({ template: 'Token' })],
    ['a template with it twice', header({ template: '{{credential}}{{credential}}' })],
    ['a template with LF', header({ template: '{{credential}}\n' })],
    ['Cookie as a header', header({ name: 'Cookie' })],
    ['a cookie with "="', { type: 'cookie', name: 'a=b' }],
    ['a prefix of two segments', { type: 'path-segment', index: 0, prefix: 'a/b' }],
    ['a pointer to the document', { type: 'json-field', pointer: '' }],
    ['a pointer without a slash', { type: 'json-field', pointer: 'key' }],
    ['a placeholder in a header without a name', placeholder('header')],
    ['a placeholder in Host', placeholder('header', 'Host')],
    ['a placeholder in a path with a name', placeholder('path', 'key')],
    ['a placeholder in JSON without a pointer', placeholder('json', 'key')],
    ['a variable with "="', { ...placeholder('query', 'k'), environment: 'A=B' }],
    ['a token endpoint without a path', { type: 'oauth-token' }],
  ])('not %s', (_, inject) => {
    expect(parse(inject).success).toBe(false);
  });
});

describe('two credentials', () => {
  it.each([
    [{ type: 'bearer' }, header({ name: 'authorization' })],
    [{ type: 'bearer' }, placeholder('header', 'Authorization')],
    [header({}), header({ name: 'x-key' })],
    [
      { type: 'query', name: 'k' },
      { type: 'query', name: 'k' },
    ],
    [{ type: 'client-certificate' }, { type: 'client-certificate' }],
  ])('at one place are refused', (one, other) => {
    expect(parse(one, other).error?.issues[0]?.message).toBe('two credentials are for the same place');
  });

  it('at two places are taken', () => {
    expect(parse({ type: 'bearer' }, header({}), { type: 'query', name: 'x-key' }).success).toBe(true);
  });
});
