import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import { CredentialError } from '../../../../control-plane/credentials/credential-minter.ts';
import { placeCredential } from '../../../../control-plane/credentials/place-credential.ts';
import { accessPolicySpec } from '../../../../control-plane/resources/access-policy.ts';
import { injection } from '../../../../control-plane/resources/injection.ts';

const aws = { type: 'aws-sigv4', service: 's3', regions: ['eu-west-1'] };
const hmac = {
  type: 'hmac',
  signed: '{{timestamp}}.{{body}}',
  headers: [{ name: 'X-Sig', value: 'v1={{signature}}' }],
};

function place(inject: object, secret: string): unknown {
  const parsed = injection.parse(inject);
  if (parsed.type === 'oauth-token') throw new Error('not placed');
  return placeCredential(parsed, new Secret(secret), []).kind;
}

describe('keys of signing injections', () => {
  test('AWS: the parts of a JSON credential', () => {
    const secret = JSON.stringify({ accessKeyId: 'AKIA1', secretAccessKey: 'secret', sessionToken: 'token' });
    expect(place(aws, secret)).toMatchObject({
      $case: 'awsSigv4',
      value: {
        accessKeyId: 'AKIA1',
        secretAccessKey: Buffer.from('secret'),
        sessionToken: Buffer.from('token'),
        algorithm: 1,
      },
    });
    expect(place({ ...aws, algorithm: 'sigv4a', regions: ['*'] }, secret)).toMatchObject({ value: { algorithm: 2 } });
  });

  test.each([
    ['utf8', 'a2V5', 'a2V5'],
    ['base64', 'a2V5', 'key'],
    ['hex', '6b6579', 'key'],
  ])('HMAC: a key in %s', (keyEncoding, secret, key) => {
    expect(place({ ...hmac, keyEncoding }, secret)).toMatchObject({ $case: 'hmac', value: { key: Buffer.from(key) } });
  });

  test('DPoP: a key as text or as an object', () => {
    const jwk = { kty: 'EC', crv: 'P-256', d: 'd', x: 'x', y: 'y' };
    for (const privateKey of [JSON.stringify(jwk), jwk]) {
      const placed = place({ type: 'dpop' }, JSON.stringify({ accessToken: 'token', privateKey }));
      expect(placed).toMatchObject({ value: { privateKey: Buffer.from(JSON.stringify(jwk)) } });
    }
  });

  test.each<[string, object, string]>([
    ['not JSON', aws, 'AKIA:s3cr3t'],
    ['a part is missing', aws, '{"accessKeyId":"AKIA1"}'],
    ['a part too many', aws, '{"accessKeyId":"AKIA1","secretAccessKey":"s3cr3t","x":"y"}'],
    ['a line break in the token', aws, '{"accessKeyId":"A","secretAccessKey":"s3cr3t","sessionToken":"a\\nb"}'],
    ['not hex', { ...hmac, keyEncoding: 'hex' }, 's3cr3t'],
    ['no key', { type: 'dpop' }, '{"accessToken":"s3cr3t"}'],
  ])('refused without a word of the credential: %s', (_, inject, secret) => {
    try {
      place(inject, secret);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      expect(error.reason).toBe('credential-invalid');
      expect(`${error.message}${error.cause}`).not.toMatch(/s3cr3t|AKIA/);
    }
  });
});

describe('what apply refuses', () => {
  test.each<[string, object]>([
    ['* is for sigv4a only', { ...aws, regions: ['*'] }],
    ['use the name of a region', { ...aws, regions: ['EU west'] }],
    ['{{nope}} is unknown', { ...hmac, signed: '{{nope}}' }],
    ['a signature cannot sign itself', { ...hmac, signed: '{{signature}}' }],
    ['no header holds {{signature}}', { ...hmac, headers: [{ name: 'X', value: '{{timestamp}}' }] }],
    ['two headers have one name', { ...hmac, headers: [...hmac.headers, { name: 'x-sig', value: 'a' }] }],
    ['a header cannot hold {{body}}', { ...hmac, headers: [{ name: 'X', value: '{{body}}{{signature}}' }] }],
    ['set only afterwards', { ...hmac, signed: '{{header:X-Sig}}' }],
    ['may not carry a credential', { ...hmac, headers: [{ name: 'Host', value: '{{signature}}' }] }],
  ])('%s', (message, inject) => {
    const parsed = injection.safeParse(inject);
    expect(parsed.error?.issues.map((issue) => issue.message).join('\n')).toContain(message);
  });

  test.each<[string, object, object]>([
    ['the same place', aws, { type: 'bearer' }],
    ['reads the body', hmac, { type: 'json-field', pointer: '/key' }],
  ])('two credentials: %s', (message, first, second) => {
    const credentials = [first, second].map((inject) => ({ provider: 'p', inject }));
    const parsed = accessPolicySpec.safeParse({ clientWorkload: '*', serverWorkload: 's', credentials });
    expect(parsed.error?.issues.map((issue) => issue.message).join('\n')).toContain(message);
  });
});
