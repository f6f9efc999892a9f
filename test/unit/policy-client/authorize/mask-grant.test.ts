import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { maskGrant } from '../../../../policy-client/authorize/mask-grant.ts';
import { Grant, type Injection } from '../../../../proto/gen/sidekey/v1/grant.ts';

const value = Buffer.from('s3cret-value');
const KINDS: NonNullable<Injection['kind']>[] = [
  { $case: 'bearer', value: { token: value } },
  { $case: 'basic', value: { username: 'builder', password: value } },
  { $case: 'header', value: { name: 'X-Key', prefix: '', suffix: '', value } },
  { $case: 'query', value: { name: 'key', value } },
  { $case: 'cookie', value: { name: 'sid', value } },
  { $case: 'pathSegment', value: { index: 0, prefix: 'bot', suffix: '', value } },
  { $case: 'formField', value: { name: 'key', value } },
  { $case: 'jsonField', value: { pointer: '/key', value } },
  { $case: 'placeholder', value: { placeholders: ['p'], place: { location: 1, name: 'X-Key' }, value } },
  { $case: 'clientCertificate', value: { certificatePem: 'cert', privateKey: value } },
  { $case: 'oauthToken', value: { path: '/token', placeholder: 'p', expiresInSeconds: 60 } },
];

it('A-37: no printed or serialised form of a grant holds a credential, whatever its kind', () => {
  const grant = maskGrant({
    ...Grant.fromPartial({ id: 'g' }),
    injections: [...KINDS.map((kind) => ({ kind })), { kind: undefined }],
  });
  for (const text of [JSON.stringify(grant), inspect(grant, { depth: 10 }), inspect(grant, { depth: 3 })]) {
    expect(text).toContain('[secret]');
    expect(text).not.toContain('s3cret-value');
    expect(text).not.toContain(value.toString('base64'));
    expect(text).not.toContain(JSON.stringify([...value]).slice(1, -1));
    expect(text).not.toContain('<Buffer');
  }
  expect(JSON.parse(JSON.stringify(grant.injections[1]))).toEqual({ basic: '[secret]', username: 'builder' });
  expect(JSON.parse(JSON.stringify(grant.injections.at(-1)))).toEqual({ unknown: '[secret]' });
});
