import { createHash, randomBytes } from 'node:crypto';
import type http2 from 'node:http2';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { ask, type Http2Answer } from '../../support/agents/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { http2Session } from '../../support/agents/proxied-agent.ts';
import { HOSTS, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';

const MASK = '*'.repeat(SECRET.length);
const PAGE = `<h1>%STATUS%</h1><pre>GET / authorization: Bearer ${SECRET}</pre>`;

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: Buffer;
  readonly trailers?: Record<string, string>;
}

let upstream: Http2UpstreamServer;
let world: ProxyWorld;
let session: http2.ClientHttp2Session;
let next: Answer;

beforeAll(async () => {
  upstream = await startHttp2Upstream(HOSTS, (stream) => {
    const { status, headers = {}, body, trailers } = next;
    stream.respond({ ':status': status, ...headers }, { waitForTrailers: trailers !== undefined });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    // Cut in the middle of what could be a secret.
    for (let at = 0; at < body.length; at += 1_021) stream.write(body.subarray(at, at + 1_021));
    stream.end();
  });
  const tls = { mode: TlsMode.TLS_MODE_UNSPECIFIED, caPem: upstream.caPem, serverName: '' };
  world = await startProxyWorld({ routes: () => [route({ hosts: ['localhost'], ports: [upstream.port], tls })] });
  const place = { port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' };
  session = await http2Session(place, 'localhost', upstream.port);
}, 60_000);
beforeEach(() => world.client.records.splice(0));
afterAll(async () => {
  session?.destroy();
  await world?.close();
  await upstream?.close();
});

async function answered(answer: Answer): Promise<Http2Answer> {
  next = answer;
  const got = await ask(session, { ':path': '/' });
  expect(upstream.seen.at(-1)?.authorization).toBe(`Bearer ${SECRET}`);
  return got;
}

describe('over HTTP/2 on both sides', () => {
  test('trailers', async () => {
    const trailers = {
      'x-echo': `Bearer ${SECRET}`,
      'x-base64': Buffer.from(SECRET).toString('base64'),
      'x-sum': 'ok',
    };
    const got = await answered({ status: 200, body: Buffer.from('body'), trailers });
    expect(got.trailers).toMatchObject({ 'x-echo': `Bearer ${MASK}`, 'x-sum': 'ok' });
    expect(String(got.trailers['x-base64'])).toMatch(/^\*{30,}/);
  });

  test.each([400, 401, 403, 404, 429, 500, 502, 503])('an error page of status %s', async (status) => {
    const body = Buffer.from(PAGE.replace('%STATUS%', String(status)));
    const got = await answered({ status, headers: { 'content-type': 'text/html' }, body });
    expect(got.status).toBe(status);
    expect(got.body.toString()).toBe(body.toString().replace(SECRET, MASK));
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('a page that comes in %s although none was asked for', async (coding, compress) => {
    const body = compress(Buffer.from(PAGE.repeat(500)));
    const got = await answered({ status: 200, headers: { 'content-encoding': coding }, body });
    expect(got.body.toString()).toBe(PAGE.repeat(500).replaceAll(SECRET, MASK));
    expect(got.headers['content-encoding']).toBeUndefined();
  });
});

test('a page in zstd, which Node 20 does not write', async () => {
  const page = Buffer.from(PAGE);
  // RFC 8878 sections 3.1.1.1 and 3.1.1.2: one segment with its size in a byte, one last block of raw bytes.
  const block = Buffer.alloc(3);
  block.writeUIntLE((page.length << 3) | 1, 0, 3);
  const body = Buffer.concat([Buffer.from('28b52ffd20', 'hex'), Buffer.from([page.length]), block, page]);
  const got = await answered({ status: 200, headers: { 'content-encoding': 'zstd' }, body });
  expect(got.body.toString()).toBe(PAGE.replace(SECRET, MASK));
});

describe('nothing else is changed', () => {
  const near = [
    SECRET.slice(1),
    SECRET.slice(0, -1),
    SECRET.toUpperCase(),
    SECRET.replace('9', '8'),
    `${SECRET.slice(0, 10)} ${SECRET.slice(10)}`,
    [...SECRET].toReversed().join(''),
    MASK,
  ];

  test.each(near)('%s passes', async (text) => {
    const body = Buffer.from(`a ${text} b ${text}${text} c`);
    const got = await answered({ status: 200, headers: { 'x-near': text }, body, trailers: { 'x-near': text } });
    expect(got.body.equals(body)).toBe(true);
    expect([got.headers['x-near'], got.trailers['x-near']]).toEqual([text, text]);
    expect(world.client.records).toMatchObject([{ scrubbed: 0 }]);
  });

  test('a megabyte of any bytes passes byte for byte', async () => {
    const body = randomBytes(1_000_000);
    const got = await answered({ status: 200, body });
    const [sent, received] = [body, got.body].map((bytes) => createHash('sha256').update(bytes).digest('hex'));
    expect(received).toBe(sent);
    expect(world.client.records).toMatchObject([{ scrubbed: 0 }]);
  });
});
