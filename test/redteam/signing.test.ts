import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsAlgorithm } from '../../proto/gen/sidekey/v1/grant.ts';
import { verifyAwsSignature } from '../support/upstreams/aws-verifier.ts';
import { grant, type ProxyWorld, route, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { type SeenRequest, startRawUpstream } from '../support/upstreams/upstream.ts';

const KEY = { accessKeyId: 'AKIAREALREALREALREAL', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld();
  const algorithm = AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256;
  const keys = { secretAccessKey: Buffer.from(KEY.secretAccessKey), sessionToken: Buffer.alloc(0) };
  const value = { ...KEY, ...keys, service: 's3', regions: ['eu-west-1'], algorithm };
  world.client.decide = (question) => grant(question, { kind: { $case: 'awsSigv4', value } });
});
afterAll(() => world.close());
beforeEach(() => {
  world.upstream.seen.length = 0;
});

function dummy(scope = '20260101/eu-west-1/s3/aws4_request'): string {
  return `Authorization: AWS4-HMAC-SHA256 Credential=DUMMY/${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
}

async function send(path: string, head: readonly string[], method = 'GET', body = ''): Promise<[number, string]> {
  const answer = await (await world.agent()).exchange(world.request(method, path, head, body), method);
  return [answer.status, answer.body.toString()];
}

function headersOf(seen: SeenRequest | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(seen?.headers ?? {}).map(([name, value]) => [name, String(value)]));
}

/** Of a refusal: a problem in JSON, or an error of S3. */
function codeIn(text: string): string | undefined {
  return /"code":"([^"]*)"|<Code>([^<]*)</.exec(text)?.slice(1).find(Boolean);
}

describe('A-60 what the agent may have signed', () => {
  test.each<[string, string, readonly string[]]>([
    ['another region', '/b/k', [dummy('20260101/us-east-1/s3/aws4_request')]],
    ['another service', '/b/k', [dummy('20260101/eu-west-1/sts/aws4_request')]],
    ['two signatures', '/b/k', [dummy(), dummy('20260101/us-east-1/s3/aws4_request')]],
    ['a presigned URL', '/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=600', []],
    ['a presigned URL, disguised', '/b/k?%58-amz-signature=00', [dummy()]],
    ['a presigned URL of version 2', '/b/k?AWSAccessKeyId=A&Expires=1&Signature=s', []],
    ['a query that servers read in two ways', '/b/k?prefix=a+b', [dummy()]],
  ])('%s is refused, and the service sees nothing', async (_, path, head) => {
    const [status, body] = await send(path, head);
    expect(status).toBe(403);
    expect(codeIn(body)).toBe('signature-refused');
    expect(world.upstream.seen).toEqual([]);
  });

  test('a form is refused: S3 and Ceph take it by the signature in it, whoever made that', async () => {
    const own = 'Content-Disposition: form-data; name="X-Amz-Credential"\r\n\r\nOWN/20260101/eu-west-1/s3/aws4_request';
    const body = `--x\r\n${own}\r\n--x--\r\n`;
    for (const type of ['multipart/form-data; boundary=x', 'Multipart/Form-Data;boundary=x']) {
      const head = [`Content-Type: ${type}`, `Content-Length: ${body.length}`];
      const [status, text] = await send('/b', head, 'POST', body);
      expect([status, JSON.parse(text).code]).toEqual([403, 'signature-refused']);
    }
    expect(world.upstream.seen).toEqual([]);
  });

  test('A-60 headers that it left unsigned are signed, its own dates and tokens are gone', async () => {
    const head = [dummy(), 'X-Amz-Acl: private', 'X-Amz-Date: 20000101T000000Z', 'X-Amz-Security-Token: own'];
    expect((await send('/b/k', head))[0]).toBe(200);
    const [seen] = world.upstream.seen;
    const headers = headersOf(seen);
    expect(
      await verifyAwsSignature({ method: 'GET', target: '/b/k', headers, body: Buffer.alloc(0) }, KEY),
    ).toBeUndefined();
    expect(headers['authorization']).toMatch(/SignedHeaders=host;x-amz-acl;x-amz-content-sha256;x-amz-date,/);
    expect(headers['x-amz-date']).not.toBe('20000101T000000Z');
    expect(headers).not.toHaveProperty('x-amz-security-token');
  });

  test('A-60 chunks are signed with the real key, one on the other', async () => {
    const stale = `chunk-signature=${'0'.repeat(64)}`;
    const body = `5;${stale}\r\nhello\r\n0;${stale}\r\n\r\n`;
    const mode = ['X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'X-Amz-Decoded-Content-Length: 5'];
    expect((await send('/b/k', [dummy(), ...mode, `Content-Length: ${body.length}`], 'PUT', body))[0]).toBe(200);
    const [seen] = world.upstream.seen;
    const headers = headersOf(seen);
    const received = { method: 'PUT', target: '/b/k', headers, body: Buffer.alloc(0) };
    expect(await verifyAwsSignature(received, KEY)).toBeUndefined();
    const stamp = headers['x-amz-date'] ?? '';
    const seed = /Signature=([0-9a-f]{64})$/.exec(headers['authorization'] ?? '')?.[1] ?? '';
    const first = chunkSignature(stamp, seed, 'hello');
    const last = chunkSignature(stamp, first, '');
    expect(seen?.body.toString()).toBe(`5;chunk-signature=${first}\r\nhello\r\n0;chunk-signature=${last}\r\n\r\n`);
  });

  test.each<[string, string]>([
    [
      'longer than announced',
      `6;chunk-signature=${'0'.repeat(64)}\r\nhello!\r\n0;chunk-signature=${'0'.repeat(64)}\r\n\r\n`,
    ],
    ['unsigned', '5\r\nhello\r\n0\r\n\r\n'],
    ['cut off', `5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n`],
  ])('A-60 chunks that are %s are refused', async (_, body) => {
    const mode = ['X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'X-Amz-Decoded-Content-Length: 5'];
    const [status, text] = await send('/b/k', [dummy(), ...mode, `Content-Length: ${body.length}`], 'PUT', body);
    expect(status).toBe(400);
    expect(codeIn(text)).toBe('bad-request');
    expect(world.upstream.seen).toEqual([]);
  });
});

test.each<[string, string, string]>([
  [
    'in blanks',
    '-TRAILER',
    `x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:${'0'.repeat(64)}${' '.repeat(40)}\r\n`,
  ],
  ['of no trailers', '', `x-amz-trailer-signature:${'0'.repeat(64)}\r\n`],
])(
  'A-13 a signature %s makes no body shorter than its head says, so that the next head is not read as its rest',
  async (_, suffix, end) => {
    let heard = '';
    const raw = await startRawUpstream((socket) => {
      socket.on('data', (bytes) => {
        // As servers do that know at once what they will answer.
        if (heard === '' || bytes.includes('GET /next'))
          socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
        heard += bytes.toString('latin1');
      });
    });
    const { httpPort } = world.upstream;
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const at = `api.test:${raw.port}`;
    const stale = `chunk-signature=${'0'.repeat(64)}`;
    const body = `5;${stale}\r\nhello\r\n0;${stale}\r\n${end}\r\n`;
    const head = [
      dummy(),
      `X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD${suffix}`,
      'X-Amz-Decoded-Content-Length: 5',
    ];
    if (suffix !== '') head.push('X-Amz-Trailer: x-amz-checksum-crc32');
    const agent = await world.agent();
    agent.send(
      `PUT http://${at}/b/k HTTP/1.1\r\nHost: ${at}\r\n${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await agent.answer('PUT');
    agent.destroy();
    const next = await world.agent();
    await next.exchange(`GET http://${at}/next HTTP/1.1\r\nHost: ${at}\r\n${dummy()}\r\n\r\n`);
    world.client.setRoutes([route({ ports: [httpPort] })]);
    await raw.close();
    for (let text = heard; text !== ''; ) {
      expect(text).toMatch(/^(?:PUT|GET) /);
      const bodyAt = text.indexOf('\r\n\r\n') + 4;
      const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, bodyAt))?.[1] ?? 0);
      text = text.slice(bodyAt + length);
    }
  },
);

/** As S3 documents it: "Transferring payload in multiple chunks". */
function chunkSignature(stamp: string, previous: string, chunk: string): string {
  const day = stamp.slice(0, 8);
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  let key: Buffer | string = `AWS4${KEY.secretAccessKey}`;
  for (const part of [day, 'eu-west-1', 's3', 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
  const scope = `${day}/eu-west-1/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256-PAYLOAD\n${stamp}\n${scope}\n${previous}\n${sha256('')}\n${sha256(chunk)}`;
  return createHmac('sha256', key).update(text).digest('hex');
}

test('A-03 a challenge to a call that was signed does not reach the agent, though no secret went with it', async () => {
  world.upstream.handle((_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'AWS4-HMAC-SHA256', 'authentication-info': 'nextnonce="x"' });
    response.end();
  });
  const answer = await (await world.agent()).exchange(world.request('GET', '/b/k', [dummy()]));
  world.upstream.handle(undefined);
  expect(answer.status).toBe(401);
  expect(answer.headers.names.filter((name) => /authenticat/i.test(name))).toEqual([]);
});
