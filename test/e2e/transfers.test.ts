import http from 'node:http';
import type http2 from 'node:http2';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { http2Session } from '../support/agents/proxied-agent.ts';
import { type ProxyProcess, startProxyProcess } from '../support/worlds/proxy-process.ts';
import { HOSTS } from '../support/worlds/proxy-world.ts';
import { startUpstream, type Upstream } from '../support/upstreams/upstream.ts';

// Set TRANSFER_MB=2048 for the full size.
const MEGABYTES = Number(process.env['TRANSFER_MB'] ?? 512);
const BYTES = MEGABYTES * 1_048_576;
/** Buffers of sockets, windows of HTTP/2 and garbage that waits; far less than what is carried. */
const MOST_GROWTH = 160 * 1_048_576;
const PIECE = Buffer.alloc(65_536, 'sidekey carries bytes. ');

let proxy: ProxyProcess;
let upstream1: Upstream;
let upstream2: Http2UpstreamServer;

beforeAll(async () => {
  upstream2 = await startHttp2Upstream(HOSTS, (stream, headers) => {
    serve(headers[':method'] ?? '', stream, stream, () => stream.respond({ ':status': 200 }));
  });
  upstream1 = await startUpstream(HOSTS);
  upstream1.handle((request, response) => {
    serve(request.method ?? '', request, response, () => {});
  });
  proxy = await startProxyProcess({
    injects: true,
    upstreams: [
      { host: 'api.test', port: upstream1.httpPort, caPem: '' },
      { host: 'localhost', port: upstream2.port, caPem: upstream2.caPem },
    ],
  });
});
afterAll(async () => {
  await proxy.close();
  await upstream1.close();
  await upstream2.close();
});

/** GET is answered with all the bytes, anything else with how many came. */
function serve(method: string, read: Readable, write: Writable, head: () => void): void {
  if (method === 'GET') {
    head();
    pipeline(generated(), write).catch(() => {});
    return;
  }
  let bytes = 0;
  read.on('data', (chunk: Buffer) => (bytes += chunk.length));
  read.on('end', () => {
    head();
    write.end(String(bytes));
  });
}

function generated(): Readable {
  return Readable.from(
    (function* pieces() {
      for (let sent = 0; sent < BYTES; sent += PIECE.length) yield PIECE;
    })(),
  );
}

async function measure(name: string, transfer: () => Promise<number>): Promise<void> {
  const before = (await proxy.memory()).rss;
  const startedAt = performance.now();
  expect(await transfer()).toBe(BYTES);
  const seconds = (performance.now() - startedAt) / 1000;
  const growth = Math.max((await proxy.memory()).rss, proxy.peakBytes()) - before;
  const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(0);
  console.log(
    `${name}: ${MEGABYTES} MB, ${(MEGABYTES / seconds).toFixed(0)} MB/s, the proxy's memory from ${megabytes(before)} MB by ${megabytes(growth)} MB at most`,
  );
  expect(growth).toBeLessThan(MOST_GROWTH);
}

async function count(readable: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of readable) bytes += (chunk as Buffer).length;
  return bytes;
}

async function textOf(readable: Readable): Promise<number> {
  let text = '';
  for await (const chunk of readable) text += String(chunk);
  return Number(text);
}

function request1(method: string): http.ClientRequest {
  const path = `http://api.test:${upstream1.httpPort}/bytes`;
  return http.request({
    host: '127.0.0.1',
    port: proxy.port,
    method,
    path,
    headers: { host: path.slice(7, -6) },
    agent: false,
  });
}

const response = (request: http.ClientRequest): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });

describe('large bodies are carried in bounded memory, scrubbed', { timeout: 240_000 }, () => {
  test('down over HTTP/1.1', () =>
    measure('down over HTTP/1.1', async () => {
      const request = request1('GET');
      request.end();
      return count(await response(request));
    }));

  test('up over HTTP/1.1', () =>
    measure('up over HTTP/1.1', async () => {
      const request = request1('POST');
      const answer = response(request);
      await pipeline(generated(), request);
      return textOf(await answer);
    }));

  test('down over HTTP/2 and TLS', () => measure('down over HTTP/2 and TLS', () => overHttp2('GET', count)));

  test('up over HTTP/2 and TLS', () => measure('up over HTTP/2 and TLS', () => overHttp2('POST', textOf)));
});

async function overHttp2(method: string, read: (readable: Readable) => Promise<number>): Promise<number> {
  const session: http2.ClientHttp2Session = await http2Session(proxy, 'localhost', upstream2.port);
  try {
    const stream = session.request({ ':path': '/bytes', ':method': method }, { endStream: method === 'GET' });
    const sent = method === 'GET' ? undefined : pipeline(generated(), stream, { end: true });
    const result = await read(stream);
    await sent;
    return result;
  } finally {
    session.destroy();
  }
}
