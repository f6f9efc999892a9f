import { verify } from 'node:crypto';
import { SignatureV4a } from '@smithy/signature-v4a';
import { describe, expect, test } from 'vitest';
import {
  canonicalRequest,
  canonicalUri,
  canonicalValue,
  sha256Hex,
} from '../../../../../proxy/credentials/signing/aws-canonical.ts';
import {
  planAwsSignature,
  signAwsRequest,
  stringToSign,
} from '../../../../../proxy/credentials/signing/aws-request.ts';
import { createAwsSigner } from '../../../../../proxy/credentials/signing/aws-signer.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { Sha256 } from '../../../../support/upstreams/aws-verifier.ts';
import { S3_CREDENTIAL, SUITE_CREDENTIAL, SUITE_V4A_PUBLIC_KEY } from '../../../../support/upstreams/published-keys.ts';
import { SUITE, type SuiteVector } from './sigv4-vectors.ts';

const STAMP = '20150830T123600Z';
const NOW = Date.parse('2015-08-30T12:36:00Z');

function suiteRequest(vector: SuiteVector): string {
  const { method = 'GET', path = '/', query, body = '' } = vector;
  const headers = HeaderList.from([
    ['Host', 'example.amazonaws.com'],
    ...(vector.headers ?? []),
    ['X-Amz-Date', STAMP],
  ]);
  const signedHeaders = Array.from(new Set(headers.raw.filter((_, at) => at % 2 === 0))).toSorted();
  return canonicalRequest({
    method,
    path,
    authority: 'example.amazonaws.com',
    pathEncoding: 'once',
    query,
    headers,
    signedHeaders,
    payload: sha256Hex(body),
  });
}

describe('the published SigV4 test suite', () => {
  test.each(SUITE)('$name', (vector) => {
    const scope = { algorithm: 'AWS4-HMAC-SHA256', stamp: STAMP, region: 'us-east-1', service: 'service' } as const;
    const signer = createAwsSigner(SUITE_CREDENTIAL, scope);
    expect(signer.sign(stringToSign(signer, suiteRequest(vector)))).toBe(vector.signature);
  });

  test('a path is encoded twice but for S3', () => {
    expect(canonicalUri('/example%20space/a:b', 'twice')).toBe('/example%2520space/a%3Ab');
    expect(canonicalUri('/example%20space/a:b', 'once')).toBe('/example%20space/a%3Ab');
  });
});

test('of a value blanks alone are taken, not bytes of UTF-8 that are blanks in Latin-1', () => {
  expect(canonicalValue('\xa0 Cefal\xc3\xa0')).toBe('\xa0 Cefal\xc3\xa0');
  expect(canonicalValue('\t a \t b ')).toBe('a b');
});

describe("S3's documented examples", () => {
  const now = Date.parse('2013-05-24T00:00:00Z');
  const empty = sha256Hex('');

  test.each([
    {
      name: 'get object',
      path: '/test.txt',
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      name: 'get bucket lifecycle',
      query: 'lifecycle',
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      name: 'list objects',
      query: 'max-keys=2&prefix=J',
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ])('$name', ({ name, path = '/', query, signature }) => {
    const headers = HeaderList.from([
      ['Host', 'examplebucket.s3.amazonaws.com'],
      ...(name === 'get object' ? [['Range', 'bytes=0-9'] as const] : []),
      ['x-amz-content-sha256', empty],
      ['x-amz-date', '20130524T000000Z'],
    ]);
    const signedHeaders = Array.from(new Set(headers.raw.filter((_, at) => at % 2 === 0))).toSorted();
    const authority = 'examplebucket.s3.amazonaws.com';
    const parts = {
      method: 'GET',
      authority,
      path,
      pathEncoding: 'once',
      query,
      headers,
      signedHeaders,
      payload: empty,
    } as const;
    const scope = {
      algorithm: 'AWS4-HMAC-SHA256',
      stamp: '20130524T000000Z',
      region: 'us-east-1',
      service: 's3',
    } as const;
    const signer = createAwsSigner(S3_CREDENTIAL, scope);
    expect(signer.sign(stringToSign(signer, canonicalRequest(parts)))).toBe(signature);
  });

  test('put object, through the whole of signing', () => {
    const headers = HeaderList.from([
      ['Date', 'Fri, 24 May 2013 00:00:00 GMT'],
      ['x-amz-content-sha256', '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'],
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ]);
    const request = {
      method: 'PUT',
      authority: 'examplebucket.s3.amazonaws.com',
      path: '/test$file.text',
      query: undefined,
      headers,
      hasBody: true,
    };
    const signing = {
      credential: S3_CREDENTIAL,
      algorithm: 'AWS4-HMAC-SHA256',
      service: 's3',
      regions: ['us-east-1'],
    } as const;
    const agent = {
      algorithm: 'AWS4-HMAC-SHA256',
      regions: ['us-east-1'],
      service: 's3',
      signedHeaders: new Set(['date', 'host']),
    } as const;
    const plan = planAwsSignature(signing, agent, request);
    expect(plan.needsWholeBody).toBe(false);
    expect(signAwsRequest(plan, request, now).transform).toBeUndefined();
    expect(headers.get('authorization')).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        'SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, ' +
        'Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    );
  });
});

describe('SigV4a', () => {
  test('the derived key is the published one, and its signatures verify', () => {
    const scope = { algorithm: 'AWS4-ECDSA-P256-SHA256', stamp: STAMP, region: '', service: 'service' } as const;
    const signer = createAwsSigner(SUITE_CREDENTIAL, scope);
    expect(signer.scope).toBe('20150830/service/aws4_request');
    for (const vector of SUITE) {
      const text = stringToSign(signer, suiteRequest(vector));
      expect(verify('sha256', Buffer.from(text), SUITE_V4A_PUBLIC_KEY, Buffer.from(signer.sign(text), 'hex'))).toBe(
        true,
      );
    }
  });

  test("what AWS's own signer (@smithy/signature-v4a) signs, we would have signed", async () => {
    const headers = { host: 'example.amazonaws.com', 'x-amz-meta-a': ' b  c ' };
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SUITE_CREDENTIAL.secretAccessKey.reveal() };
    const theirs = new SignatureV4a({ service: 's', region: '*', credentials, sha256: Sha256, applyChecksum: false });
    const request = {
      method: 'GET',
      protocol: 'https:',
      hostname: headers.host,
      path: '/a%20b',
      query: { q: ['2', '1'] },
    };
    const { headers: signed } = await theirs.sign({ ...request, headers }, { signingDate: new Date(NOW) });
    const list = HeaderList.from(Object.entries(signed).map(([name, value]) => [name, String(value)] as const));
    const given = list.get('authorization') ?? '';
    const names = /SignedHeaders=([^,]+)/.exec(given)?.[1]?.split(';') ?? [];
    expect(names).toContain('x-amz-region-set');
    const canonical = canonicalRequest({
      method: 'GET',
      authority: headers.host,
      path: request.path,
      pathEncoding: 'twice',
      query: 'q=2&q=1',
      headers: list,
      signedHeaders: names,
      payload: sha256Hex(''),
    });
    const scope = { algorithm: 'AWS4-ECDSA-P256-SHA256', stamp: STAMP, region: '', service: 's' } as const;
    const text = stringToSign(createAwsSigner(SUITE_CREDENTIAL, scope), canonical);
    const signature = Buffer.from(/Signature=(\w+)$/.exec(given)?.[1] ?? '', 'hex');
    expect(verify('sha256', Buffer.from(text), SUITE_V4A_PUBLIC_KEY, signature)).toBe(true);
  });
});
