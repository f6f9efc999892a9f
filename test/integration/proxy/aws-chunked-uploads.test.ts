import https from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsAlgorithm, type Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { crc32Of, verifyChunkedUpload } from '../../support/upstreams/aws-chunk-verifier.ts';
import { connectAgent } from '../../support/agents/proxied-agent.ts';
import { grant, type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { SUITE_CREDENTIAL, SUITE_V4A_PUBLIC_KEY } from '../../support/upstreams/published-keys.ts';

// Uploads in signed chunks, as SDKs of Java, Go and .NET send them over HTTP, to a service that checks each signature.
const KEY = {
  accessKeyId: SUITE_CREDENTIAL.accessKeyId,
  secretAccessKey: SUITE_CREDENTIAL.secretAccessKey.reveal(),
  publicKey: SUITE_V4A_PUBLIC_KEY,
};
const CHUNK = 64 * 1024;
const BODY = Buffer.alloc(3 * CHUNK + 1_234, 'all work and no play ');
const ALGORITHMS = {
  'AWS4-HMAC-SHA256': { wire: AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256, place: 'eu-west-1/s3', dummy: 'a'.repeat(64) },
  'AWS4-ECDSA-P256-SHA256': {
    wire: AwsAlgorithm.AWS_ALGORITHM_ECDSA_P256_SHA256,
    place: 's3',
    dummy: `${'b'.repeat(140)}****`,
  },
} as const;
type Algorithm = keyof typeof ALGORITHMS;
const MODES = (Object.keys(ALGORITHMS) as Algorithm[]).flatMap((algorithm) =>
  ['', '-TRAILER'].map((trailer) => [`STREAMING-${algorithm}-PAYLOAD${trailer}`, algorithm, trailer !== ''] as const),
);

let world: ProxyWorld;
let agent: https.Agent;
let arrived: string | Buffer;

beforeAll(async () => {
  world = await startProxyWorld();
  agent = connectAgent({ port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' });
  world.upstream.handle((request, response) => {
    world.upstream
      .note(request)
      .then(async (seen) => {
        const headers = Object.fromEntries(Object.entries(seen.headers).map(([name, value]) => [name, String(value)]));
        arrived = await verifyChunkedUpload({ ...seen, headers }, KEY).catch((error: Error) => error.message);
        response.writeHead(typeof arrived === 'string' ? 403 : 200).end(String(arrived.length));
      })
      .catch(() => response.destroy());
  });
});
beforeEach(() => {
  arrived = 'nothing arrived';
});
afterAll(async () => {
  agent.destroy();
  await world.close();
});

function injecting(algorithm: Algorithm): Injection {
  const { accessKeyId, secretAccessKey } = KEY;
  const keys = { secretAccessKey: Buffer.from(secretAccessKey), sessionToken: Buffer.alloc(0) };
  const value = { accessKeyId, ...keys, service: 's3', regions: ['eu-west-1'], algorithm: ALGORITHMS[algorithm].wire };
  return { kind: { $case: 'awsSigv4', value } };
}

/** The body as an SDK frames it, signed with a key that is no key. */
function framed(algorithm: Algorithm, hasTrailer: boolean): Buffer {
  const { dummy } = ALGORITHMS[algorithm];
  const parts: (string | Buffer)[] = [];
  for (let at = 0; at < BODY.length; at += CHUNK) {
    const data = BODY.subarray(at, at + CHUNK);
    parts.push(`${data.length.toString(16)};chunk-signature=${dummy}\r\n`, data, '\r\n');
  }
  parts.push(`0;chunk-signature=${dummy}\r\n`);
  if (hasTrailer) parts.push(`x-amz-checksum-crc32:${crc32Of(BODY)}\r\nx-amz-trailer-signature:${dummy}\r\n`);
  return Buffer.concat([...parts, '\r\n'].map((part) => Buffer.from(part)));
}

async function put(mode: string, algorithm: Algorithm, hasTrailer: boolean): Promise<[number | undefined, string]> {
  const { place, dummy } = ALGORITHMS[algorithm];
  const body = framed(algorithm, hasTrailer);
  const headers = {
    authorization: `${algorithm} Credential=DUMMY/20260101/${place}/aws4_request, SignedHeaders=host;x-amz-date, Signature=${dummy.replace(/\*+$/, '')}`,
    'content-encoding': 'aws-chunked',
    'content-length': body.length,
    'x-amz-content-sha256': mode,
    'x-amz-date': '20260101T000000Z',
    'x-amz-decoded-content-length': BODY.length,
    ...(algorithm === 'AWS4-HMAC-SHA256' ? {} : { 'x-amz-region-set': 'eu-west-1' }),
    ...(hasTrailer ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}),
  };
  const { httpsPort } = world.upstream;
  return new Promise((resolve, reject) => {
    const options = { host: 'api.test', port: httpsPort, path: '/bucket/big', method: 'PUT', agent, headers };
    const request = https.request(options, (response) => {
      text(response).then((answer) => resolve([response.statusCode, answer]), reject);
    });
    request.on('error', reject);
    // In pieces that fall on no border of a chunk.
    for (let at = 0; at < body.length; at += 10_007) request.write(body.subarray(at, at + 10_007));
    request.end();
  });
}

describe.each(MODES)('%s', (mode, algorithm, hasTrailer) => {
  test('head, chunks and trailers carry signatures of the real key', async () => {
    world.client.decide = (question) => grant(question, injecting(algorithm));
    expect(await put(mode, algorithm, hasTrailer)).toEqual([200, String(BODY.length)]);
    expect(arrived).toEqual(BODY);
  });

  test('none of another key', async () => {
    const other = injecting(algorithm);
    if (other.kind?.$case === 'awsSigv4') other.kind.value.secretAccessKey = Buffer.from('another key of no account');
    world.client.decide = (question) => grant(question, other);
    expect((await put(mode, algorithm, hasTrailer))[0]).toBe(403);
    expect(arrived).toBe('the head');
  });
});
