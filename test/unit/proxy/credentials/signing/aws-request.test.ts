import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { readAgentSignature } from '../../../../../proxy/credentials/signing/aws-agent-signature.ts';
import { canonicalQuery } from '../../../../../proxy/credentials/signing/aws-canonical.ts';
import {
  type AwsPlan,
  type AwsRequest,
  type AwsSigning,
  planAwsSignature,
  signAwsRequest,
} from '../../../../../proxy/credentials/signing/aws-request.ts';
import { InjectionError } from '../../../../../proxy/credentials/injection-error.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { SUITE_CREDENTIAL } from '../../../../support/control-plane/published-keys.ts';

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
    expect(signed([]).get('authorization')).toContain('/eu-west-1/s3/');
  });

  test.each<[string, Pairs, Partial<AwsRequest>?]>([
    ['another region', [authorization('us-west-2/s3/aws4_request')]],
    ['another service', [authorization('us-east-1/sts/aws4_request')]],
    ['credential scope', [authorization('us-east-1/s3/aws5_request')]],
    ['malformed', [['Authorization', 'AWS4-HMAC-SHA256 Credential=DUMMY']]],
    ['malformed', [authorization('us-east-1/s3/aws4_request'), authorization('us-east-1/s3/aws4_request')]],
    ['presigned', [], { query: 'a=b&X-Amz-Signature=00' }],
    ['presigned', [], { query: 'x-amz-%43redential=DUMMY' }],
    ['presigned', [], { query: 'AWSAccessKeyId=DUMMY&Signature=x' }],
    ['another region', [authorization('s3/aws4_request', 'host', V4A), ['X-Amz-Region-Set', '*']]],
    ['region set', [authorization('s3/aws4_request', 'host', V4A)]],
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
  });
});

describe('what is signed', () => {
  test("all of AWS's headers and those that the agent signed, but none that change on the way", () => {
    const names = 'host;x-amz-date;x-custom;range;user-agent;gone;content-length';
    const headers = signed([
      authorization('us-east-1/s3/aws4_request', names),
      ['Content-Type', 'text/plain'],
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
      'content-length;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-custom',
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

describe('the body', () => {
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

  const mode = (value: string): readonly [string, string] => ['X-Amz-Content-Sha256', value];
  const length: readonly [string, string] = ['X-Amz-Decoded-Content-Length', '5'];
  test.each<[string, Pairs]>([
    ['neither a hash nor', [mode('STREAMING-SOMETHING')]],
    ['neither a hash nor', [mode('A'.repeat(64))]],
    ['neither a hash nor', [mode('toString')]],
    ['given twice', [mode('UNSIGNED-PAYLOAD'), mode('UNSIGNED-PAYLOAD')]],
    ['decoded-content-length', [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')]],
    ['decoded-content-length', [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), length, length]],
    ['x-amz-trailer does not fit', [mode('STREAMING-UNSIGNED-PAYLOAD-TRAILER'), length]],
    ['x-amz-trailer does not fit', [mode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), length, ['X-Amz-Trailer', 'x-amz-a']]],
    ['x-amz-trailer is malformed', [mode('STREAMING-UNSIGNED-PAYLOAD-TRAILER'), length, ['X-Amz-Trailer', 'host']]],
  ])('refused: %s', (what, pairs) => {
    expect(refusalOf(pairs)).toContain(what);
  });
});

describe('the canonical query', () => {
  test.each([
    ['b=2&a=1&a=0', 'a=0&a=1&b=2'],
    ['a-b=1&a=2', 'a=2&a-b=1'],
    ['acl', 'acl='],
    ['k=a%7eb%2fc:d', 'k=a~b%2Fc%3Ad'],
  ])('%s', (query, canonical) => {
    expect(canonicalQuery(query)).toBe(canonical);
    expect(canonicalQuery(canonical)).toBe(canonical);
  });

  test.each(['a=b+c', 'a=%zz', 'a=1&&b=2', 'a=1&', 'a=%'])('%s is refused', (query) => {
    expect(() => canonicalQuery(query)).toThrow(InjectionError);
  });
});
