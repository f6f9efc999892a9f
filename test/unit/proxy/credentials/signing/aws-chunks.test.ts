import { verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../../../proxy/credentials/signing/aws-canonical.ts';
import { createAwsChunkTransform } from '../../../../../proxy/credentials/signing/aws-chunk-signer.ts';
import { AWS_CHUNK_LIMITS } from '../../../../../proxy/credentials/signing/aws-chunked-decoder.ts';
import type { AwsChunkedMode } from '../../../../../proxy/credentials/signing/aws-payload.ts';
import { type AwsAlgorithm, createAwsSigner } from '../../../../../proxy/credentials/signing/aws-signer.ts';
import { InjectionError } from '../../../../../proxy/credentials/injection-error.ts';
import { S3_CREDENTIAL, SUITE_CREDENTIAL, SUITE_V4A_PUBLIC_KEY } from '../../../../support/upstreams/published-keys.ts';

const CRC = 'x-amz-checksum-crc32c';
const DUMMY = { 'AWS4-HMAC-SHA256': 'a'.repeat(64), 'AWS4-ECDSA-P256-SHA256': `${'b'.repeat(140)}****` } as const;

interface Shape {
  readonly signed?: AwsAlgorithm;
  readonly trailers?: readonly (readonly [string, string])[];
  readonly sizes?: readonly number[];
  readonly decodedLength?: number;
}

function signerOf(algorithm: AwsAlgorithm = 'AWS4-HMAC-SHA256') {
  const credential = algorithm === 'AWS4-HMAC-SHA256' ? S3_CREDENTIAL : SUITE_CREDENTIAL;
  return createAwsSigner(credential, { algorithm, stamp: '20130524T000000Z', region: 'us-east-1', service: 's3' });
}

function transformOf({ signed, trailers = [], sizes = [65_536, 1_024], decodedLength }: Shape, seed = '0'.repeat(64)) {
  const mode: AwsChunkedMode = {
    kind: 'chunked',
    chunkSignatures: signed,
    value: '',
    decodedLength: decodedLength ?? sizes.reduce((sum, size) => sum + size, 0),
    trailers: trailers.map(([name]) => name.toLowerCase()),
  };
  return createAwsChunkTransform(mode, signerOf(signed), seed);
}

/** A body as an SDK frames it, with signatures by its dummy key. */
function bodyOf({ signed, trailers = [], sizes = [65_536, 1_024] }: Shape): Buffer {
  const extension = signed === undefined ? '' : `;chunk-signature=${DUMMY[signed]}`;
  let body = '';
  for (const size of sizes) body += `${size.toString(16)}${extension}\r\n${'a'.repeat(size)}\r\n`;
  body += `0${extension}\r\n`;
  for (const [name, value] of trailers) body += `${name}:${value}\r\n`;
  if (signed !== undefined && trailers.length > 0) body += `x-amz-trailer-signature:${DUMMY[signed]}\r\n`;
  return Buffer.from(`${body}\r\n`);
}

function run(shape: Shape, body: Buffer, piece = body.length, seed?: string): string {
  const transform = transformOf(shape, seed);
  const out: Buffer[] = [];
  for (let at = 0; at < body.length; at += piece) out.push(...transform.push(body.subarray(at, at + piece)));
  out.push(...transform.end());
  return Buffer.concat(out).toString('latin1');
}

function refusalOf(shape: Shape, body: string | Buffer): string {
  try {
    run(shape, Buffer.from(body));
  } catch (error) {
    if (error instanceof InjectionError) return error.message.replace('the aws-chunked body is malformed: ', '');
    throw error;
  }
  return 'accepted';
}

const signatures = (text: string): string[] =>
  Array.from(text.matchAll(/signature[=:]([0-9a-f*]+)/g), (m) => m[1] ?? '');

describe("S3's documented chunked uploads", () => {
  test('without trailers', () => {
    const shape: Shape = { signed: 'AWS4-HMAC-SHA256' };
    const body = bodyOf(shape);
    const out = run(shape, body, 997, '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9');
    expect(out.length).toBe(66_824);
    expect(body.length).toBe(66_824);
    expect(signatures(out)).toEqual([
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ]);
    expect(out.replaceAll(/[0-9a-f]{64}/g, DUMMY['AWS4-HMAC-SHA256'])).toContain('0;chunk-signature=');
  });

  test('with a trailer', () => {
    const shape: Shape = { signed: 'AWS4-HMAC-SHA256', trailers: [[CRC, 'sOO8/Q==']] };
    const out = run(shape, bodyOf(shape), 65_000, '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e');
    expect(signatures(out)).toEqual([
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
      'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
    ]);
  });
});

describe('aws-chunked bodies', () => {
  const shapes: readonly Shape[] = [
    { signed: 'AWS4-HMAC-SHA256', sizes: [5, 17], trailers: [[CRC, 'x==']] },
    { signed: 'AWS4-HMAC-SHA256', sizes: [5] },
    {
      sizes: [5, 17],
      trailers: [
        [CRC, ' x=='],
        ['x-amz-checksum-sha1', 'y'],
      ],
    },
    { sizes: [], trailers: [[CRC.toUpperCase(), 'x'.repeat(300)]] },
  ];

  test.each(shapes)('read the same at every cut, and refused at every truncation: %j', (shape) => {
    const body = bodyOf(shape);
    const whole = run(shape, body);
    expect(whole.length).toBe(body.length);
    if (shape.signed === undefined) expect(whole).toBe(body.toString());
    for (const piece of [1, 2, 3, 7]) expect(run(shape, body, piece)).toBe(whole);
    for (let at = 0; at < body.length; at += 1) {
      const cut = transformOf(shape);
      const out = [...cut.push(body.subarray(0, at)), ...cut.push(body.subarray(at)), ...cut.end()];
      expect(Buffer.concat(out).toString()).toBe(whole);
      expect(refusalOf(shape, body.subarray(0, at))).toBe('it ends early');
    }
    expect(refusalOf(shape, Buffer.concat([body, Buffer.from('x')]))).toBe('bytes follow its end');
  });

  test('SigV4a: chained on the unpadded signature, padded to one length', () => {
    const shape: Shape = { signed: 'AWS4-ECDSA-P256-SHA256', sizes: [3], trailers: [[CRC, 'x==']] };
    const seed = signerOf(shape.signed).sign('seed');
    const body = bodyOf(shape);
    const out = run(shape, body, 5, seed);
    expect(out.length).toBe(body.length);
    const head = '20130524T000000Z\n20130524/s3/aws4_request';
    const hashes = [
      `${sha256Hex('')}\n${sha256Hex('aaa')}`,
      `${sha256Hex('')}\n${sha256Hex('')}`,
      sha256Hex(`${CRC}:x==\n`),
    ];
    let previous = seed;
    for (const [at, signature] of signatures(out).entries()) {
      expect(signature).toHaveLength(144);
      const what = at === 2 ? 'TRAILER' : 'PAYLOAD';
      const text = `AWS4-ECDSA-P256-SHA256-${what}\n${head}\n${previous}\n${hashes[at]}`;
      previous = signature.replace(/\*+$/, '');
      expect(verify('sha256', Buffer.from(text), SUITE_V4A_PUBLIC_KEY, Buffer.from(previous, 'hex'))).toBe(true);
    }
  });

  test('trailers are signed in lower case, in the order of their names', () => {
    const trailers = [
      ['X-Amz-Checksum-Sha1', 'y'],
      [CRC, ' x=='],
    ] as const;
    const shape: Shape = { signed: 'AWS4-HMAC-SHA256', sizes: [], trailers };
    const out = run(shape, bodyOf(shape));
    expect(out).toContain(`\r\nX-Amz-Checksum-Sha1:y\r\n${CRC}: x==\r\n`);
    const [last = '', trailer] = signatures(out);
    const hash = sha256Hex(`${CRC}:x==\nx-amz-checksum-sha1:y\n`);
    const scope = '20130524T000000Z\n20130524/us-east-1/s3/aws4_request';
    expect(trailer).toBe(signerOf().sign(`AWS4-HMAC-SHA256-TRAILER\n${scope}\n${last}\n${hash}`));
  });

  test.each<[string, Shape, string]>([
    ['a chunk header is malformed', { sizes: [3] }, '03\r\naaa\r\n0\r\n\r\n'],
    ['a chunk header is malformed', { sizes: [3] }, '3;x=y\r\naaa\r\n0\r\n\r\n'],
    ['a chunk header is malformed', { sizes: [3] }, ' 3\r\naaa\r\n0\r\n\r\n'],
    ['a chunk header is malformed', { sizes: [3], signed: 'AWS4-HMAC-SHA256' }, '3\r\naaa\r\n0\r\n\r\n'],
    ['a chunk header is malformed', { sizes: [3] }, `3;chunk-signature=${'a'.repeat(64)}\r\naaa\r\n`],
    ['a line does not end in CRLF', { sizes: [3] }, '3\naaa\r\n0\r\n\r\n'],
    ['a line is too long', { sizes: [3] }, '1'.repeat(300)],
    ['a chunk is longer than its size', { sizes: [3] }, '3\r\naaaa\r\n0\r\n\r\n'],
    ['it is longer than x-amz-decoded-content-length', { sizes: [3] }, '4\r\naaaa\r\n0\r\n\r\n'],
    ['it is shorter than x-amz-decoded-content-length', { sizes: [3] }, '2\r\naa\r\n0\r\n\r\n'],
    ['it has a trailer that its head does not name', { sizes: [1] }, '1\r\na\r\n0\r\nx-amz-a:b\r\n\r\n'],
    [
      'a line is too long',
      { sizes: [1], trailers: [[CRC, '']] },
      `1\r\na\r\n0\r\n${`${CRC}:${'b'.repeat(8180)}`}\r\n\r\n`,
    ],
    ['a trailer is missing', { sizes: [1], trailers: [[CRC, '']] }, '1\r\na\r\n0\r\n\r\n'],
    ...[CRC, CRC.toUpperCase()].map((first): [string, Shape, string] => [
      'it has a trailer that its head does not name',
      { sizes: [1], trailers: [[CRC, '']] },
      `1\r\na\r\n0\r\n${first}:b\r\n${CRC}:b\r\n\r\n`,
    ]),
    [
      'its trailers are malformed',
      {
        sizes: [],
        trailers: [
          [CRC, ''],
          ['x-amz-a', ''],
        ],
      },
      `0\r\n${CRC}:${'b'.repeat(5_000)}\r\nx-amz-a:${'b'.repeat(5_000)}\r\n\r\n`,
    ],
    [
      'it has a trailer that its head does not name',
      { sizes: [1], trailers: [[CRC, '']] },
      '1\r\na\r\n0\r\nx-amz-trailer-signature:b\r\n\r\n',
    ],
  ])('%s', (reason, shape, body) => {
    expect(refusalOf(shape, body)).toBe(reason);
  });

  test('signed trailers must be signed, and a signed chunk has a bound', () => {
    const signed: Shape = { signed: 'AWS4-HMAC-SHA256', sizes: [], trailers: [[CRC, 'b']] };
    const unsigned = bodyOf(signed)
      .toString()
      .replace(/x-amz-trailer-signature.*\r\n/, '');
    expect(refusalOf(signed, unsigned)).toBe('its trailers are unsigned');
    const blank = bodyOf(signed).toString().replace('signature:a', 'signature: a');
    expect(refusalOf(signed, blank)).toBe('its trailer signature is malformed');
    const late = `0;chunk-signature=${'a'.repeat(64)}\r\nx-amz-trailer-signature:${'a'.repeat(64)}\r\n${CRC}:b\r\n\r\n`;
    expect(refusalOf(signed, late)).toBe('its trailers are malformed');
    const needless = bodyOf({ signed: 'AWS4-HMAC-SHA256', sizes: [] })
      .toString()
      .replace(/\r\n$/, `x-amz-trailer-signature:${'a'.repeat(64)}\r\n\r\n`);
    expect(refusalOf({ signed: 'AWS4-HMAC-SHA256', sizes: [] }, needless)).toBe(
      'it has a trailer that its head does not name',
    );
    const large: Shape = { signed: 'AWS4-HMAC-SHA256', sizes: [AWS_CHUNK_LIMITS.signedChunk + 1] };
    expect(refusalOf(large, bodyOf(large).subarray(0, 200))).toBe('a signed chunk is over 1 MiB');
    const largest: Shape = { signed: 'AWS4-HMAC-SHA256', sizes: [AWS_CHUNK_LIMITS.signedChunk] };
    const body = bodyOf(largest);
    const at = body.indexOf('\r\n') + 2;
    body.fill('what is in it ', at, at + AWS_CHUNK_LIMITS.signedChunk);
    const out = run(largest, body, 50_000);
    expect(out.replaceAll(/(?<==)[0-9a-f]{64}/g, DUMMY['AWS4-HMAC-SHA256']) === body.toString()).toBe(true);
    const unbound: Shape = { sizes: [AWS_CHUNK_LIMITS.signedChunk + 1], trailers: [[CRC, '']] };
    expect(run(unbound, bodyOf(unbound)) === bodyOf(unbound).toString()).toBe(true);
  });
});
