import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { readAgentSignature } from '../../../../../proxy/credentials/signing/aws-agent-signature.ts';
import { canonicalQuery, canonicalRequest, sha256Hex } from '../../../../../proxy/credentials/signing/aws-canonical.ts';
import {
  type AwsPlan,
  type AwsRequest,
  type AwsSigning,
  planAwsSignature,
  signAwsRequest,
  stringToSign,
} from '../../../../../proxy/credentials/signing/aws-request.ts';
import { InjectionError } from '../../../../../proxy/credentials/injection-error.ts';
import { createAwsSigner } from '../../../../../proxy/credentials/signing/aws-signer.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { SUITE_CREDENTIAL } from '../../../../support/upstreams/published-keys.ts';

const V4 = 'AWS4-HMAC-SHA256';
const V4A = 'AWS4-ECDSA-P256-SHA256';
const S3: AwsSigning = {
  credential: SUITE_CREDENTIAL,
  algorithm: V4,
  service: 's3',
  regions: ['eu-west-1', 'us-east-1'],
};
const NOW = Date.parse('2015-08-30T12:36:00Z');
type Pairs = readonly (readonly [string, string])[];

function authorization(scope: string, names = 'host;x-amz-date', algorithm: string = V4): readonly [string, string] {
  return ['Authorization', `${algorithm} Credential=DUMMY/20150830/${scope}, SignedHeaders=${names}, Signature=00ff`];
}

/** The steps as the proxy takes them. */
function plan(pairs: Pairs, changes: Partial<AwsSigning> = {}, rest: Partial<AwsRequest> = {}): [AwsPlan, AwsRequest] {
  const headers = HeaderList.from(pairs);
  const agent = readAgentSignature(headers.getAll('authorization'), rest.query, headers);
  headers.delete('authorization');
  const base = { method: 'PUT', authority: 'b.example.com', path: '/k', query: undefined, headers, hasBody: true };
  const request: AwsRequest = { ...base, ...rest };
  return [planAwsSignature({ ...S3, ...changes }, agent, request), request];
}

function signed(...given: Parameters<typeof plan>): HeaderList {
  const [planned, request] = plan(...given);
  signAwsRequest(planned, request, NOW);
  return request.headers;
}

function refusalOf(...given: Parameters<typeof plan>): string {
  try {
    signed(...given);
  } catch (error) {
    if (error instanceof InjectionError) return `${error.reason}: ${error.message}`;
    throw error;
  }
  return 'signed';
}

describe('A-60: where a signature may hold', () => {
  test('the agent says which of the allowed regions; without a signature it is the first', () => {
    expect(signed([authorization('us-east-1/s3/aws4_request')]).get('authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
    const bearer: Pairs = [['Authorization', 'Bearer dummy']];
    const named = authorization('us-east-1/s3/aws4_request', 'Host;X-Amz-Date');
    for (const pairs of [[], bearer]) expect(signed(pairs).get('authorization')).toContain('/eu-west-1/s3/');
    expect(signed([...bearer, named]).get('authorization')).toContain('/us-east-1/s3/');
    expect(signed([['X-Amz-Region-Set', 'us-east-1']]).has('x-amz-region-set')).toBe(false);
  });

  test.each<[string, Pairs, Partial<AwsRequest>?]>([
    ['another region', [authorization('us-west-2/s3/aws4_request')]],
    ['another service', [authorization('us-east-1/sts/aws4_request')]],
    ['credential scope', [authorization('us-east-1/s3/aws5_request')]],
    ['credential scope', [authorization('/s3/aws4_request')]],
    ['credential scope', [authorization('us-east-1//aws4_request')]],
    [
      'credential scope',
      [['Authorization', (authorization('')[1] ?? '').replace('20150830/', 'eu-west-1/s3/aws4_request')]],
    ],
    ['several regions', [authorization('s3/aws4_request', 'host', V4A), ['X-Amz-Region-Set', 'us-east-1,eu-west-1']]],
    ['malformed', [['Authorization', 'AWS4-HMAC-SHA256 Credential=DUMMY']]],
    ['malformed', [authorization('us-east-1/s3/aws4_request'), authorization('us-east-1/s3/aws4_request')]],
    ['presigned', [], { query: 'a=b&X-Amz-Signature=00' }],
    ['presigned', [], { query: 'x-amz-%43redential=DUMMY' }],
    ['presigned', [], { query: 'a=b;%20X-Amz-SignedHeaders+=host' }],
    ['presigned', [], { query: 'AWSAccessKeyId=DUMMY&Signature=x' }],
    ['another region', [authorization('s3/aws4_request', 'host', V4A), ['X-Amz-Region-Set', '*']]],
    ['region set', [authorization('s3/aws4_request', 'host', V4A)]],
    ['region set', [authorization('/aws4_request', 'host', V4A), ['X-Amz-Region-Set', 'us-east-1']]],
    [
      'S3 takes a form',
      [
        ['Content-Type', 'text/plain'],
        ['Content-Type', 'Multipart/Form-Data; boundary=x'],
      ],
      { method: 'POST' },
    ],
  ])('refused: %s', (what, pairs, rest) => {
    expect(refusalOf(pairs, {}, rest)).toMatch(new RegExp(`^signature-refused: .*${what}`));
  });

  test('SigV4a: the region set is the agreed one', () => {
    const agent: Pairs = [authorization('s3/aws4_request', 'host', V4A), ['X-Amz-Region-Set', 'us-east-1']];
    const headers = signed(agent, { algorithm: V4A });
    expect(headers.get('x-amz-region-set')).toBe('us-east-1');
    expect(headers.get('authorization')).toContain('Credential=AKIDEXAMPLE/20150830/s3/aws4_request, ');
    expect(headers.get('authorization')).toContain('x-amz-region-set');
    expect(signed(agent, { algorithm: V4A, regions: ['*'] }).get('x-amz-region-set')).toBe('us-east-1');
    expect(signed([], { algorithm: V4A, regions: ['*'] }).get('x-amz-region-set')).toBe('*');
    expect(signed([], { algorithm: V4A }).get('x-amz-region-set')).toBe('eu-west-1,us-east-1');
    const sets = (set: string): Pairs => [authorization('s3/aws4_request', 'host', V4A), ['X-Amz-Region-Set', set]];
    const both = signed(sets('us-east-1, eu-west-1'), { algorithm: V4A });
    expect(both.get('x-amz-region-set')).toBe('us-east-1,eu-west-1');
    expect(refusalOf(sets('us-east-1,us-west-2'), { algorithm: V4A })).toContain('another region');
    expect(refusalOf(sets('*'), { algorithm: V4A })).toContain('another region');
    expect(refusalOf([authorization('us-west-2/s3/aws4_request')], { regions: ['*'] })).toContain('another region');
  });

  test('forms go to other services, and to S3 by PUT; so do queries that sign nothing', () => {
    const form: Pairs = [['Content-Type', 'multipart/form-data; boundary=x']];
    expect(refusalOf(form, { service: 'execute-api' }, { method: 'POST' })).toBe('signed');
    expect(refusalOf([['Content-Type', 'application/xml']], {}, { method: 'POST' })).toBe('signed');
    expect(refusalOf(form, {}, { query: 'X-Amz-Date=1&x-amz-signature2=3' })).toBe('signed');
  });
});

describe('what is signed', () => {
  test("all of AWS's headers and those that the agent signed, but none that change on the way", () => {
    const names = 'host;x-amz-date;x-custom;range;user-agent;gone;content-length';
    const headers = signed([
      authorization('us-east-1/s3/aws4_request', names),
      ['Content-Type', 'text/plain'],
      ['Content-MD5', 'x-amz-value'],
      ['Content-Length', '3'],
      ['Range', 'bytes=0-1'],
      ['User-Agent', 'x'],
      ['X-Custom', 'y'],
      ['X-Other', 'z'],
      ['X-Amz-Meta-A', 'b'],
      ['X-Amz-Date', '20000101T000000Z'],
      ['X-Amz-Security-Token', 'dummy'],
    ]);
    expect(/SignedHeaders=([^,]+)/.exec(headers.get('authorization') ?? '')?.[1]).toBe(
      'content-length;content-md5;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-custom',
    );
    expect(headers.get('x-amz-date')).toBe('20150830T123600Z');
    expect(headers.has('x-amz-security-token')).toBe(false);
  });

  test('the session token goes in and is signed', () => {
    const credential = { ...SUITE_CREDENTIAL, sessionToken: new Secret('session-token') };
    const headers = signed([], { credential });
    expect(headers.get('x-amz-security-token')).toBe('session-token');
    expect(headers.get('authorization')).toContain('x-amz-security-token');
  });
});

/** By the headers that it was signed with. */
function expectedOf(headers: HeaderList, pathEncoding: 'once' | 'twice', service: string, payload: string): string {
  const scope = { algorithm: V4, stamp: '20150830T123600Z', region: 'eu-west-1', service } as const;
  const signer = createAwsSigner(SUITE_CREDENTIAL, scope);
  const signedHeaders = /SignedHeaders=([^,]+)/.exec(headers.get('authorization') ?? '')?.[1]?.split(';') ?? [];
  const parts = { method: 'PUT', authority: 'b.example.com', path: '/a%20b', query: undefined };
  const canonical = canonicalRequest({ ...parts, headers, pathEncoding, signedHeaders, payload });
  return `Signature=${signer.sign(stringToSign(signer, canonical))}`;
}

test.each(['s3', 's3express', 's3-outposts'])('%s encodes paths once, and takes bodies unsigned', (service) => {
  const headers = signed([['X-Amz-Meta-A', 'Cefal\xe0']], { service }, { path: '/a%20b' });
  expect(headers.get('x-amz-content-sha256')).toBe('UNSIGNED-PAYLOAD');
  expect(headers.get('authorization')).toContain(expectedOf(headers, 'once', service, 'UNSIGNED-PAYLOAD'));
  expect(sha256Hex('\xe0')).toBe(sha256Hex(Uint8Array.of(0xe0)));
});

test.each(['dynamodb', 'elasticmaps3-'])('%s encodes paths twice, and wants the hash of a body', (service) => {
  const [planned, request] = plan([], { service }, { path: '/a%20b' });
  signAwsRequest(planned, request, NOW, 'b'.repeat(64));
  expect(request.headers.has('x-amz-content-sha256')).toBe(false);
  expect(request.headers.get('authorization')).toContain(expectedOf(request.headers, 'twice', service, 'b'.repeat(64)));
});

describe('the body', () => {
  const mode = (value: string): readonly [string, string] => ['X-Amz-Content-Sha256', value];
  const length: readonly [string, string] = ['X-Amz-Decoded-Content-Length', '5'];

  test('without a hash: S3 takes it unsigned, others want all of it first', () => {
    expect(signed([]).get('x-amz-content-sha256')).toBe('UNSIGNED-PAYLOAD');
    expect(signed([], {}, { hasBody: false }).get('x-amz-content-sha256')).toMatch(/^e3b0c442/);
    expect(plan([], { service: 'dynamodb' })[0].needsWholeBody).toBe(true);
    expect(plan([], { service: 'dynamodb' }, { hasBody: false })[0].needsWholeBody).toBe(false);
    expect(plan([['X-Amz-Content-Sha256', 'a'.repeat(64)]], { service: 'dynamodb' })[0].needsWholeBody).toBe(false);
  });

  test('chunked: a transform, over the algorithm of the policy only', () => {
    const pairs: Pairs = [
      ['X-Amz-Content-Sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'],
      ['X-Amz-Decoded-Content-Length', '5'],
    ];
    const [planned, request] = plan(pairs);
    expect(signAwsRequest(planned, request, NOW).transform).toBeDefined();
    expect(refusalOf(pairs, { algorithm: V4A })).toContain('another algorithm');
  });

  test.each([
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', V4, false],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', V4, true],
    ['STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', V4A, false],
    ['STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER', V4A, true],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', V4, true],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', V4A, true],
  ] as const)('%s by %s, with trailers: %s', (value, algorithm, hasTrailers) => {
    const trailers = [...Array(15).keys()].map((at) => `x-amz-${at}`).join();
    const pairs = (with_: boolean): Pairs => [
      mode(value),
      length,
      ...(with_ ? [['X-Amz-Trailer', 'X-Amz-A'] as const, ['X-Amz-Trailer', `${trailers} `] as const] : []),
    ];
    const [planned, request] = plan(pairs(hasTrailers), { algorithm });
    expect(planned.payload).toMatchObject({ value, decodedLength: 5, trailers: { length: hasTrailers ? 16 : 0 } });
    if (hasTrailers)
      expect(planned.payload).toMatchObject({ trailers: expect.arrayContaining(['x-amz-a', 'x-amz-14']) });
    expect(signAwsRequest(planned, request, NOW).transform).toBeDefined();
    expect(refusalOf(pairs(!hasTrailers), { algorithm })).toContain('x-amz-trailer does not fit');
  });

  test.each<[string, Pairs]>([
    ['neither a hash nor', [mode('STREAMING-SOMETHING')]],
    ['neither a hash nor', [mode('A'.repeat(64))]],
    ['neither a hash nor', [mode('toString')]],
    ['given twice', [mode('UNSIGNED-PAYLOAD'), mode('UNSIGNED-PAYLOAD')]],
    ['decoded-content-length', [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')]],
    ['decoded-content-length', [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), length, length]],
    ...['', '-1', '5.0', '1'.repeat(16)].map((text): [string, Pairs] => [
      'decoded-content-length',
      [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), ['X-Amz-Decoded-Content-Length', text]],
    ]),
    ['x-amz-trailer does not fit', [mode('STREAMING-UNSIGNED-PAYLOAD-TRAILER'), length]],
    ['x-amz-trailer does not fit', [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), length, ['X-Amz-Trailer', 'x-amz-a']]],
    ...[
      'host',
      'x-amz-a,host',
      'x-amz-a,',
      'x-amz-a,X-Amz-A',
      'x-amz-trailer-signature',
      [...Array(17).keys()].map((at) => `x-amz-${at}`).join(),
    ].map((names): [string, Pairs] => [
      'x-amz-trailer is malformed',
      [mode('STREAMING-UNSIGNED-PAYLOAD-TRAILER'), length, ['X-Amz-Trailer', names]],
    ]),
  ])('refused: %s', (what, pairs) => {
    expect(refusalOf(pairs)).toContain(what);
  });
});

describe('the canonical query', () => {
  test.each([
    ['b=2&a=1&a=0', 'a=0&a=1&b=2'],
    ['a-b=1&a=2', 'a=2&a-b=1'],
    ['acl', 'acl='],
    ['a=b=c', 'a=b%3Dc'],
    ['k=a%7eb%2fc:d', 'k=a~b%2Fc%3Ad'],
  ])('%s', (query, canonical) => {
    expect(canonicalQuery(query)).toBe(canonical);
    expect(canonicalQuery(canonical)).toBe(canonical);
  });

  test.each(['a=b+c', 'a=%zz', 'a=1&&b=2', 'a=1&', 'a=%'])('%s is refused', (query) => {
    expect(() => canonicalQuery(query)).toThrow(InjectionError);
  });
});
