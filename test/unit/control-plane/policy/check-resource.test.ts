import { expect, it } from 'vitest';
import { checkResource } from '../../../../control-plane/policy/check-resource.ts';
import { type Kind, type Resource, SPECS } from '../../../../control-plane/resources/kinds.ts';

function issuesOf(kind: Kind, spec: object): string[] {
  const resource = { kind, metadata: { name: 'x', labels: {} }, spec: SPECS[kind].parse(spec) } as unknown as Resource;
  return checkResource(resource, new Map()).map(({ field, message }) => `${field}: ${message}`);
}

const jwt = { type: 'jwt', audience: 'a', subject: 'b' };
const oidc = { type: 'oidc', audience: 'a' };
const to = { clientWorkload: '*', serverWorkload: 'api' };
const keys = { inline: { keys: [{ kty: 'EC' }] } };

it.each<[string, Kind, object, RegExp]>([
  [
    'a claim that the issuer sets',
    'CredentialProvider',
    { ...jwt, claims: { iss: 'x' } },
    /^spec.claims.iss: the issuer/,
  ],
  [
    'a subject of two values that nothing parts',
    'CredentialProvider',
    { ...jwt, subject: '{{agent.oidc.team}}{{agent.oidc.name}}' },
    /^spec.subject: put a sign/,
  ],
  [
    'such a claim, however deep',
    'CredentialProvider',
    { ...jwt, claims: { a: [{ b: 'x{{user}}1{{tenant}}' }] } },
    /^spec.claims.a: put a sign/,
  ],
  ['keys over http', 'TrustProvider', { ...oidc, issuer: 'http://localhost:1' }, /^spec.issuer: .*https/],
  [
    'a key set over http',
    'TrustProvider',
    { ...oidc, issuer: 'https://a.example', jwks: { url: 'http://localhost:1/keys' } },
    /^spec.jwks.url: .*https/,
  ],
  [
    'a method that the proxy never forwards, which would allow nothing',
    'AccessPolicy',
    { ...to, rules: [{ methods: ['GET', 'post'] }] },
    /^spec.rules\[0\].methods\[1\]: the method is not in upper case/,
  ],
  ['a presence test', 'AccessCondition', { type: 'cel', expression: 'has(request.json)' }, /^spec.expression: .*has/],
])('%s cannot be applied', (_title, kind, spec, message) => {
  expect(issuesOf(kind, spec)).toEqual([expect.stringMatching(message)]);
});

it.each<[string, Kind, object]>([
  ['claims of its own', 'CredentialProvider', { ...jwt, claims: { tenant: '{{tenant}}' } }],
  ['an issuer over http whose keys stand here', 'TrustProvider', { ...oidc, issuer: 'http://localhost:1', jwks: keys }],
  ['methods in any case to deny', 'AccessPolicy', { ...to, effect: 'deny', rules: [{ methods: ['post', 'TRACE'] }] }],
  ['a method of its own', 'AccessPolicy', { ...to, rules: [{ methods: ['PROPFIND', 'propfind'] }] }],
  ['a preset', 'TrustProvider', { ...oidc, preset: 'gitlab' }],
])('%s can be applied', (_title, kind, spec) => {
  expect(issuesOf(kind, spec)).toEqual([]);
});
