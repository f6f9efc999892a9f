import { createHmac } from 'node:crypto';
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { AwsAlgorithm, Grant, type Injection } from '../../../../../proto/gen/sidekey/v1/grant.ts';
import { type InjectableRequest, injectCredential, type Injected } from '../../../../../proxy/credentials/inject.ts';
import { DpopNonces } from '../../../../../proxy/credentials/signing/dpop-nonces.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { injectableRequest } from '../../../../support/protocols/injectable-request.ts';
import { reasonOf } from '../../../../support/worlds/injection-reason.ts';
import { createSigningKey } from '../../../../../common/signing-key.ts';

type Kind = NonNullable<Injection['kind']>;
type Of<C extends Kind['$case']> = Extract<Kind, { readonly $case: C }>['value'];

const privateKey = createSigningKey();
const key = Buffer.from('hmac-key-of-a-test');
const https = { scheme: 'https', host: 'api.example.com', port: 443 };

const hmac = (changes: Partial<Of<'hmac'>> = {}): Kind => {
  const headers = [{ name: 'X-Signature', value: '{{nonce}} {{signature}}' }];
  const form = { algorithm: 'sha256', encoding: 'hex', timestamp: 'seconds', headers };
  return { $case: 'hmac', value: { key, ...form, signed: '{{host}} {{target}} {{body}}', ...changes } };
};
const aws = (changes: Partial<Of<'awsSigv4'>> = {}): Kind => {
  const secretAccessKey = Buffer.from('aws-secret-of-a-test');
  const place = { service: 's3', regions: ['eu-west-1'], algorithm: AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256 };
  const value = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey, sessionToken: Buffer.alloc(0), ...place, ...changes };
  return { $case: 'awsSigv4', value };
};
const dpop = (changes: Partial<Of<'dpop'>> = {}): Kind => {
  const pem = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { $case: 'dpop', value: { accessToken: Buffer.from('token-1'), privateKey: pem, ...changes } };
};

function inject(kind: Kind, changes: Partial<InjectableRequest> = {}): Injected & { readonly headers: HeaderList } {
  const request = injectableRequest({ query: 'b=1', ...changes });
  const binding = { destination: request.destination, method: 'POST', path: '' };
  const grant: Grant = { ...Grant.fromPartial({ binding }), injections: [{ kind }] };
  return Object.assign(injectCredential(grant, request), { headers: request.headers });
}

const moment = (body?: Buffer) => ({ nowMs: 1_000, body, nonce: () => 'n-1', dpopNonces: new DpopNonces() });

test.each([
  ['hmac', hmac()],
  ['aws', aws()],
  ['dpop', dpop()],
])('A-64: %s signs nothing in cleartext', (_, kind) => {
  const destination = { ...https, scheme: 'http', port: 80 };
  expect(reasonOf(() => inject(kind, { destination }))).toBe('cleartext-refused');
  expect(reasonOf(() => inject(kind, { destination, cleartextAllowed: true }))).toBe('ok');
});

test.each<[string, Kind]>([
  ['an unknown hash', hmac({ algorithm: 'md5' })],
  ['an unknown encoding', hmac({ encoding: 'base32' })],
  ['an unknown time', hmac({ timestamp: 'years' })],
  ['a header that frames', hmac({ headers: [{ name: 'Content-Length', value: '{{signature}}' }] })],
  ['an unknown algorithm', aws({ algorithm: AwsAlgorithm.AWS_ALGORITHM_UNSPECIFIED })],
  ['no access key id', aws({ accessKeyId: '' })],
  ['an access key id that is more than one word', aws({ accessKeyId: 'AKID/EXAMPLE' })],
  ['no secret access key', aws({ secretAccessKey: Buffer.alloc(0) })],
  ['a service that is more than one word', aws({ service: 's3/x' })],
  ['no region', aws({ regions: [] })],
  ['one region that is none', aws({ regions: ['eu-west-1', 'EU/west'] })],
  ['all regions with a symmetric key', aws({ regions: ['*'] })],
  ['a session token of two lines', aws({ sessionToken: Buffer.from('a\nb') })],
  ['a token that is too short to be kept from the agent', dpop({ accessToken: Buffer.from('abc') })],
])('A-14: a credential with %s is not used', (_, kind) => {
  expect(reasonOf(() => inject(kind))).toBe('credential-invalid');
});

test('hmac signs what leaves, with the body where it says so', () => {
  const { headers, secrets, signatures } = inject(hmac());
  const [signature] = signatures;
  expect([signatures.length, signature?.needsWholeBody, signature?.valueBytes, secrets]).toEqual([1, true, 64, []]);
  const signed = signature?.sign(moment(Buffer.from('{}')));
  const expected = createHmac('sha256', key).update('api.example.com /a?b=1 {}').digest('hex');
  expect([headers.get('x-signature'), signed?.value.reveal()]).toEqual([`n-1 ${expected}`, expected]);
});

test.each<[string, Kind, boolean, boolean | undefined]>([
  ['its body', hmac(), true, true],
  ['no body of a request without one', hmac(), false, false],
  ['no body where none is signed', hmac({ signed: '{{target}}' }), true, false],
  ['no body for a proof', dpop(), true, false],
])('%s is held', (_, kind, hasBody, held) => {
  expect(inject(kind, { hasBody }).signatures.map(({ needsWholeBody }) => needsWholeBody)).toEqual([held]);
});

test('dpop proves its key for this place, with the nonce that the place gave', () => {
  const { headers, secrets, signatures } = inject(dpop(), { destination: { ...https, port: 8443 } });
  const [signature] = signatures;
  const now = moment();
  const asks = HeaderList.from([
    ['WWW-Authenticate', 'DPoP error="use_dpop_nonce"'],
    ['DPoP-Nonce', 'from-the-server'],
  ]);
  expect([signature?.learn?.(401, asks, now), signature?.learn?.(200, asks, now)]).toEqual([true, false]);
  const { value } = signature?.sign(now) ?? {};
  const proof = headers.get('dpop') ?? '';
  expect(headers.get('authorization')).toBe('DPoP token-1');
  expect(decodeJwt(proof)).toMatchObject({
    htm: 'POST',
    htu: 'https://api.example.com:8443/a',
    jti: 'n-1',
    nonce: 'from-the-server',
  });
  expect(value?.reveal()).toBe(proof.split('.')[2]);
  expect(signature?.valueBytes).toBe(value?.length);
  expect(secrets.map((secret) => secret.reveal())).toEqual(['token-1']);
});

test('aws keeps its session token from the agent, and its signature', () => {
  const token = 'session-token-1';
  const headers = HeaderList.from([]);
  const { secrets, signatures } = inject(aws({ sessionToken: Buffer.from(token) }), { headers, hasBody: false });
  const [signature] = signatures;
  const signed = signature?.sign(moment());
  expect(secrets.map((secret) => secret.reveal())).toEqual([token]);
  expect(headers.get('x-amz-security-token')).toBe(token);
  expect(headers.get('authorization')).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/.*\/eu-west-1\/s3\//);
  expect(headers.get('authorization')).toContain(`Signature=${signed?.value.reveal()}`);
  expect(signature?.valueBytes).toBe(signed?.value.length);
  expect(inject(aws()).secrets).toEqual([]);
});
