import { once } from 'node:events';
import type http from 'node:http';
import type http2 from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecisionFact, type Route, TlsMode } from '../../proto/gen/sidekey/v1/route.ts';
import { http2Agent } from '../support/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/http2-upstream.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../support/proxy-world.ts';
import { playCutCalls } from '../support/cut-calls.ts';
import { seededRandom } from '../support/random.ts';
import type { RawAgent } from '../support/raw-agent.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/**
 * Many connections at once, each of which may be cut by either side at any point: no call's bytes reach another, each call has
 * one record, and nothing is left behind.
 */
const WORKERS = 16;

const seed = FUZZ_SEED;
const random = seededRandom(seed);
let world: ProxyWorld;
let upstream: Http2UpstreamServer;
let calls = 0;

/** Each byte of a call's body, either way, tells whose it is. */
const bodyOf = (id: number, size: number): Buffer => Buffer.alloc(size, `#${id.toString().padStart(7, '0')}#`);
const ownersOf = (bytes: Buffer | string): Set<number> =>
  new Set([...bytes.toString('latin1').matchAll(/#(\d{7})#/g)].map(([, id]) => Number(id)));

/** What policy reads of a request is held until it is whole, or too long. */
const READS: readonly Partial<Route>[] = [
  {},
  { decisionFacts: [DecisionFact.DECISION_FACT_BODY_BYTES], inspectLimitBytes: 10_000 },
  { maskedAnswerFields: ['token'] },
];

function routes(): void {
  const { httpPort, httpsPort, caPem } = world.upstream;
  const verify = (pem: string) => ({ mode: TlsMode.TLS_MODE_VERIFY, caPem: pem, serverName: '' });
  world.client.setRoutes([
    route({ ports: [httpPort] }),
    route({
      serverWorkload: 'tls',
      hosts: ['other.test'],
      ports: [httpsPort],
      tls: verify(caPem),
      ...random.pick(READS),
    }),
    route({ serverWorkload: 'h2', hosts: ['localhost'], ports: [upstream.port], tls: verify(upstream.caPem) }),
  ]);
}

/** TLS sockets have no way to do it. */
function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

interface Asked {
  readonly id: number;
  readonly size: number;
  readonly end: string;
}

/** A damaged size is none. */
function askedOf(target = '/'): Asked {
  const { pathname, searchParams: query } = new URL(target, 'http://u');
  return { id: Number(pathname.slice(1)), size: Number(query.get('size')) || 0, end: query.get('end') ?? '' };
}

/** What the upstream was sent of the body is this call's own. */
const strangers: string[] = [];
function watch(id: number, request: http.IncomingMessage | http2.ServerHttp2Stream): void {
  request.on('error', () => {});
  request.on('data', (bytes: Buffer) => {
    for (const owner of ownersOf(bytes)) if (owner !== id) strangers.push(`upstream of ${id} was sent ${owner}`);
  });
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { id, size, end } = askedOf(request.url);
  watch(id, request);
  response.on('error', () => {});
  if (end === 'silent') return void setTimeout(() => request.socket.destroy(), random.below(20));
  const go = (): void => {
    if (end === 'length') response.setHeader('Content-Length', size);
    if (end === 'close') response.setHeader('Connection', 'close');
    if (end.startsWith('gzip')) return answerCoded(request, response);
    response.write(bodyOf(id, size >> 1));
    const rest = (): void => {
      if (end === 'reset') return reset(request.socket);
      if (end === 'destroy') return void request.socket.destroy();
      response.end(bodyOf(id, size - (size >> 1)));
    };
    if (random.below(2) === 0) setTimeout(rest, random.below(5));
    else rest();
  };
  if (end === 'early') go();
  else request.on('end', go);
}

/** Which the proxy decodes on the way; half of it, or all. */
function answerCoded(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { id, size, end } = askedOf(request.url);
  response.setHeader('Content-Encoding', 'gzip');
  const coded = gzipSync(bodyOf(id, size), { level: random.pick([0, 6]) });
  const whole = end === 'gzip' ? coded.length : coded.length >> 1;
  for (let at = 0; at < whole; at += 5_000) response.write(coded.subarray(at, Math.min(whole, at + 5_000)));
  if (end === 'gzip-reset') reset(request.socket);
  else response.end();
}

function answerStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  const { id, size, end } = askedOf(headers[':path']);
  watch(id, stream);
  const go = (): void => {
    if (stream.destroyed) return;
    if (end === 'silent') return stream.close(random.pick([2, 7, 8]));
    stream.respond({ ':status': 200 });
    stream.write(bodyOf(id, size >> 1));
    if (end === 'reset') return stream.close(2);
    if (end === 'destroy') return void stream.session?.destroy();
    if (end === 'close') stream.session?.close();
    setTimeout(() => stream.destroyed || stream.end(bodyOf(id, size - (size >> 1))), random.below(5));
  };
  if (end === 'early') go();
  else stream.on('end', go);
  if (end !== 'early') stream.resume();
}

const ENDS = [
  ...['', '', '', 'length', 'length', 'close', 'early', 'reset', 'destroy', 'silent'],
  ...['gzip', 'gzip', 'gzip-half', 'gzip-reset'],
] as const;
const SIZES = [0, 9, 900, 4_095, 4_097, 16_384, 70_000] as const;

/** Half of them go on undisturbed until they are over. */
function cutSomewhere(cut: () => void, over: Promise<unknown>): Promise<unknown> {
  if (random.below(2) === 0) return over;
  const cutOff = new Promise<void>((resolve) => {
    setTimeout(() => {
      cut();
      resolve();
    }, random.below(40));
  });
  return Promise.race([over, cutOff]);
}

/** One byte, but none that tells whose a call is. */
function damage(bytes: Buffer): void {
  const at = random.below(Math.min(bytes.length, 400));
  if (!/[0-9#/?]/.test(String.fromCharCode(bytes[at] ?? 0)))
    bytes[at] = random.pick([0, 9, 10, 13, 32, 58, 65, 127, 255]);
}

async function talkHttp1(authority: string, agent: RawAgent, form: string): Promise<void> {
  const ids = new Set<number>();
  const parts: Buffer[] = [];
  for (let left = 1 + random.below(8); left > 0; left -= 1) {
    const id = (calls += 1);
    ids.add(id);
    const body = bodyOf(id, random.pick(SIZES));
    const target = `/${id}?size=${random.pick(SIZES)}&end=${random.pick(ENDS)}`;
    const method = random.pick(['GET', 'POST', 'PUT']);
    const length = method === 'GET' ? '' : `Content-Length: ${body.length}\r\n`;
    parts.push(Buffer.from(`${method} ${form}${target} HTTP/1.1\r\nHost: ${authority}\r\n${length}\r\n`));
    if (method !== 'GET') parts.push(body);
  }
  const bytes = Buffer.concat(parts);
  if (random.below(4) === 0) damage(bytes);
  const over = (async () => {
    for (let at = 0; at < bytes.length && !agent.socket.destroyed; ) {
      const piece = bytes.subarray(at, at + 1 + random.below(random.pick([30, 3_000, 300_000])));
      agent.send(piece);
      at += piece.length;
      if (random.below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    agent.socket.end();
    await agent.closed();
  })();
  await cutSomewhere(() => {
    if (random.below(2) === 0) agent.destroy();
    else reset(agent.socket);
  }, over);
  for (const owner of ownersOf(agent.received)) {
    if (!ids.has(owner)) strangers.push(`agent of ${[...ids]} was sent ${owner}`);
  }
  agent.destroy();
}

async function talkHttp2(session: http2.ClientHttp2Session): Promise<void> {
  const streams = Array.from({ length: 1 + random.below(8) }, async () => {
    const id = (calls += 1);
    const path = `/${id}?size=${random.pick(SIZES)}&end=${random.pick(ENDS)}`;
    const stream = session.request({ ':method': 'POST', ':path': path });
    stream.on('error', () => {});
    stream.on('data', (bytes: Buffer) => {
      for (const owner of ownersOf(bytes)) if (owner !== id) strangers.push(`stream ${id} was sent ${owner}`);
    });
    stream.end(bodyOf(id, random.pick(SIZES)));
    if (random.below(4) === 0) setTimeout(() => stream.close(8), random.below(20));
    if (!stream.closed) await once(stream, 'close').catch(() => {});
  });
  await cutSomewhere(() => session.destroy(), Promise.all(streams));
  session.destroy();
}

async function one(): Promise<void> {
  const { httpPort, httpsPort } = world.upstream;
  const plain = `api.test:${httpPort}`;
  if (random.below(3) === 0) return talkHttp1(plain, await world.agent(), `http://${plain}`);
  const [host, port] = random.pick([
    ['other.test', httpsPort],
    ['localhost', upstream.port],
  ] as const);
  const wantsHttp2 = random.below(2) === 0;
  const { agent, tls } = await world.tlsAgent(host, port, wantsHttp2 ? { ALPNProtocols: ['h2'] } : {});
  if (!wantsHttp2) return talkHttp1(`${host}:${port}`, agent, '');
  tls.removeAllListeners('data');
  return talkHttp2(http2Agent(tls, `${host}:${port}`));
}

beforeAll(async () => {
  world = await startProxyWorld({
    config: {
      admin: { host: '127.0.0.1', port: 0 },
      // A busy machine stops this process for seconds, after which what is late is closed before what has come is read.
      limits: { headerTimeoutMs: 15_000, bodyIdleTimeoutMs: 3_000, responseTimeoutMs: 3_000 },
    },
  });
  upstream = await startHttp2Upstream(HOSTS, answerStream);
  world.upstream.handle(answer);
  routes();
});
afterAll(async () => {
  await world.close();
  await upstream.close();
});

test('calls that are cut anywhere keep apart, and each has its record', {
  timeout: (FUZZ_SECONDS + 90) * 1000,
}, async () => {
  const asked = await playCutCalls(world, WORKERS, async () => {
    await one();
    if (random.below(50) === 0) routes();
  });
  console.log(`${calls} calls, ${asked} asked, ${world.client.records.length} records, seed ${seed}`);
  expect(strangers, `seed ${seed}`).toEqual([]);
});
