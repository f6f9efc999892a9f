import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TlsMode } from '../../proto/gen/sidekey/v1/route.ts';
import { ask } from '../support/agents/http2-agent.ts';
import { connectAgent } from '../support/agents/proxied-agent.ts';
import { http2Session } from '../support/agents/proxied-agent.ts';
import { secureRaw } from '../support/agents/raw-agent.ts';
import { seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import {
  bearer,
  grant,
  HOSTS,
  type ProxyWorld,
  route,
  SECRET,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';

/** Many agents at once whose reads share memory: each upstream gets of each body its own bytes, however slowly it takes them. */

const AGENTS = 12;
const { below } = seededRandom(FUZZ_SEED);
let world: ProxyWorld;
let upstream2: Http2UpstreamServer;

/** Answers with the hash of what came; now and then it stops reading for a moment. */
async function serve(read: Readable, write: Writable): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of read) {
    hash.update(chunk as Buffer);
    if (below(20) === 0) await sleep(below(15));
  }
  write.end(hash.digest('hex'));
}

beforeAll(async () => {
  upstream2 = await startHttp2Upstream(HOSTS, (stream) => {
    stream.respond({ ':status': 200 });
    serve(stream, stream).catch(() => {});
  });
  const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: upstream2.caPem, serverName: '' };
  world = await startProxyWorld({
    routes: ({ httpPort, httpsPort }) => [
      route({ ports: [httpPort, httpsPort] }),
      route({ serverWorkload: 'h2', hosts: ['localhost'], ports: [upstream2.port], tls }),
    ],
  });
  world.upstream.handle((request, response) => void serve(request, response).catch(() => {}));
  world.client.decide = async (question) => {
    if (below(3) === 0) await sleep(below(10));
    return grant(question, bearer(SECRET));
  };
});
afterAll(async () => {
  await world?.close();
  await upstream2?.close();
});

type Send = (pieces: readonly Buffer[]) => Promise<string>;

/** In pieces, some of which leave on their own. */
async function sendHttp1(request: http.ClientRequest, pieces: readonly Buffer[]): Promise<string> {
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  for (const piece of pieces) {
    request.write(piece);
    if (below(8) === 0) await sleep(below(4));
  }
  request.end();
  return textOf(await answered);
}

async function textOf(readable: Readable): Promise<string> {
  let text = '';
  for await (const chunk of readable) text += String(chunk);
  return text;
}

function lengthOf(pieces: readonly Buffer[]): http.OutgoingHttpHeaders {
  // Else it is chunked.
  return below(2) === 0 ? {} : { 'content-length': pieces.reduce((sum, { length }) => sum + length, 0) };
}

async function sender(at: number): Promise<Send> {
  const { httpPort, httpsPort } = world.upstream;
  const place = { port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' };
  if (at % 4 === 0) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const path = `http://api.test:${httpPort}/`;
    const options = { host: '127.0.0.1', port: place.port, method: 'POST', path, agent };
    return (pieces) =>
      sendHttp1(http.request({ ...options, headers: { host: `api.test:${httpPort}`, ...lengthOf(pieces) } }), pieces);
  }
  if (at % 4 === 1) {
    const agent = connectAgent(place);
    const options = { host: 'api.test', port: httpsPort, method: 'POST', path: '/', agent };
    return (pieces) => sendHttp1(https.request({ ...options, headers: lengthOf(pieces) }), pieces);
  }
  const [host, port] = at % 4 === 2 ? ['localhost', upstream2.port] : ['api.test', httpsPort];
  const session = await http2Session(place, host, port);
  return async (pieces) => String((await ask(session, { ':method': 'POST', ':path': '/' }, pieces)).body);
}

test('bodies that agents send at once arrive as they were sent', {
  timeout: 60_000 + FUZZ_SECONDS * 2000,
}, async () => {
  const until = Date.now() + FUZZ_SECONDS * 1000;
  const sent = await Promise.all(
    Array.from({ length: AGENTS }, async (_, at) => {
      const send = await sender(at);
      let count = 0;
      while (count < 2 || Date.now() < until) {
        const calls = Array.from({ length: at % 4 < 2 ? 1 : 1 + below(4) }, async () => {
          const pieces = Array.from({ length: 1 + below(6) }, () => Buffer.alloc(1 + below(90_000), 1 + below(255)));
          const hash = createHash('sha256').update(Buffer.concat(pieces)).digest('hex');
          expect(await send(pieces)).toBe(hash);
        });
        await Promise.all(calls);
        count += calls.length;
      }
      return count;
    }),
  );
  expect(Math.min(...sent)).toBeGreaterThan(1);
});

test('a tunnel in a connection over which bodies were sent reads as any other', async () => {
  const { httpPort, httpsPort } = world.upstream;
  const plain = await world.agent();
  const body = Buffer.alloc(300_000, 'a');
  const hash = createHash('sha256').update(body).digest('hex');
  const head = (method: string, target: string, port: number): string =>
    `${method} ${target} HTTP/1.1\r\nHost: api.test:${port}\r\n`;
  const post = (target: string, port: number): string =>
    `${head('POST', target, port)}Content-Length: ${body.length}\r\n\r\n${body}`;
  for (let time = 0; time < 2; time += 1) {
    const { text } = await plain.exchange(post(`http://api.test:${httpPort}/`, httpPort));
    expect(text).toBe(hash);
  }
  expect((await plain.exchange(`${head('CONNECT', `api.test:${httpsPort}`, httpsPort)}\r\n`)).status).toBe(200);
  const { agent } = await secureRaw(plain.socket, { ca: world.proxy.caPem ?? '', servername: 'api.test' });
  for (let time = 0; time < 2; time += 1) expect((await agent.exchange(post('/', httpsPort))).text).toBe(hash);
});
