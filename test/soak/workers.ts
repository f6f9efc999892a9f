import http from 'node:http';
import type http2 from 'node:http2';
import net from 'node:net';
import { http2Session, type ProxyPlace, tunnel } from '../support/proxied-agent.ts';
import type { Random } from '../support/random.ts';
import { FAULTS, type SoakUpstreams } from './upstreams.ts';

/** What the agents of a soak did. */
export interface Tally {
  /** Paths of well-behaved requests, no two alike, and how many were answered wholly and rightly. */
  readonly sent: string[];
  answered: number;
  /** Paths of requests that policy denies, and how many were refused for want of a control plane to say so. */
  readonly denied: string[];
  unanswered: number;
  /** Requests for which something was made to go wrong. */
  faults: number;
  /** What went wrong where nothing should. */
  readonly wrong: string[];
}

export interface SoakPlace {
  readonly proxy: ProxyPlace;
  readonly upstreams: Pick<SoakUpstreams, 'http1' | 'http2'>;
  readonly tally: Tally;
  readonly random: Random;
  running(): boolean;
  /** Changes whenever the control plane goes or has come back, and is odd in between. */
  outage(): number;
}

interface Answered {
  readonly status: number;
  readonly bytes: number;
}

/** Sends one request and reads its answer; rejects when it breaks off. */
type Send = (method: string, path: string, body: Buffer | undefined) => Promise<Answered>;

const MAX_WRONG = 20;
/** Longer than all timeouts of the proxy under soak. */
const CALL_TIMEOUT_MS = 30_000;
const BODY = Buffer.alloc(300_000, 'a request body; ');
const PER_CONNECTION = 100;

/** One agent that behaves, on connection after connection, until the soak is over. */
export async function behave(place: SoakPlace, version: 'http1' | 'tls1' | 'http2'): Promise<void> {
  while (place.running()) {
    const connection = await connect(place, version);
    for (let call = 0; call < PER_CONNECTION && place.running(); call += 1) {
      if (!(await oneCall(place, connection.send, version))) break;
    }
    connection.close();
  }
}

/** False when the connection is of no more use. */
async function oneCall(place: SoakPlace, send: Send, version: string): Promise<boolean> {
  const { tally, random } = place;
  const dice = chance(random);
  if (dice > 0.95) return oneDenial(place, send, version);
  const size = Math.floor(chance(random) ** 4 * 400_000);
  const body = dice < 0.3 ? BODY.subarray(0, Math.floor(chance(random) ** 3 * BODY.length)) : undefined;
  const path = `/well/${size}/${tally.sent.length}`;
  tally.sent.push(path);
  const what = `${version}, ${body?.length ?? 'no'} bytes for ${size}`;
  try {
    const { status, bytes } = await inTime(send(body === undefined ? 'GET' : 'POST', path, body));
    const isRight = status === 200 && bytes === size;
    if (isRight) tally.answered += 1;
    expect(tally, isRight, `${what}: got ${bytes} with ${status}`);
    return isRight;
  } catch (error) {
    expect(tally, false, `${what}: broke off, ${String(error)}`);
    return false;
  }
}

/** A method that no rule covers: 403, or 503 while nobody can be asked. */
async function oneDenial({ outage, tally }: SoakPlace, send: Send, version: string): Promise<boolean> {
  const path = `/denied/${tally.denied.length}`;
  tally.denied.push(path);
  const before = outage();
  try {
    const { status } = await inTime(send('DELETE', path, undefined));
    const wasAway = before % 2 === 1 || outage() !== before;
    if (status === 503 && wasAway) tally.unanswered += 1;
    else expect(tally, status === 403, `${version}, a denial: got ${status}`);
    return true;
  } catch (error) {
    expect(tally, false, `${version}, a denial: broke off, ${String(error)}`);
    return false;
  }
}

function expect(tally: Tally, holds: boolean, wrong: string): void {
  if (!holds && tally.wrong.length < MAX_WRONG) tally.wrong.push(wrong);
}

interface Connection {
  readonly send: Send;
  close(): void;
}

async function connect({ proxy, upstreams }: SoakPlace, version: 'http1' | 'tls1' | 'http2'): Promise<Connection> {
  if (version === 'http1') {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const base = `http://localhost:${upstreams.http1.port}`;
    const options = { host: '127.0.0.1', port: proxy.port, agent, headers: { host: base.slice(7) } };
    return {
      send: (method, path, body) => overHttp1({ ...options, method, path: base + path }, body),
      close: () => agent.destroy(),
    };
  }
  const { port } = upstreams.http2;
  if (version === 'tls1') {
    const secured = await tunnel(proxy, 'localhost', port, 'http/1.1');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    agent.createConnection = () => secured;
    const options = { agent, headers: { host: `localhost:${port}` } };
    const send: Send = async (method, path, body) => {
      if (secured.destroyed || !secured.writable) throw new Error('the connection is closed');
      return overHttp1({ ...options, method, path }, body);
    };
    return { send, close: () => secured.destroy() };
  }
  const session = await http2Session(proxy, 'localhost', port);
  return { send: (method, path, body) => overHttp2(session, method, path, body), close: () => session.destroy() };
}

function overHttp1(options: http.RequestOptions, body: Buffer | undefined): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function overHttp2(
  session: http2.ClientHttp2Session,
  method: string,
  path: string,
  body: Buffer | undefined,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path }, { endStream: body === undefined });
    let status = 0;
    let bytes = 0;
    stream.on('response', (head) => (status = head[':status'] ?? 0));
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('end', () => resolve({ status, bytes }));
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`the stream was closed with ${stream.rstCode}`)));
    if (body !== undefined) stream.end(body);
  });
}

/** One agent for which things go wrong: upstreams that fail, resets, readers that stop, garbage. */
export async function misbehave(place: SoakPlace): Promise<void> {
  while (place.running()) {
    const version = (['http1', 'tls1', 'http2'] as const)[Math.floor(chance(place.random) * 3)] ?? 'http1';
    const turn = Math.floor(chance(place.random) * 4);
    place.tally.faults += 1;
    try {
      if (turn === 0) await upstreamFaults(place, version);
      else if (turn === 1) await garbage(place);
      else if (turn === 2) await giveUp(place, version);
      else await readSlowly(place);
    } catch {
      // Any end is fine, as long as the proxy goes on.
    }
  }
}

async function upstreamFaults(place: SoakPlace, version: 'http1' | 'tls1' | 'http2'): Promise<void> {
  const { send, close } = await connect(place, version);
  try {
    for (const fault of FAULTS) await inTime(send('GET', `/fault/${fault}`, undefined)).catch(() => {});
  } finally {
    close();
  }
}

/** Bytes that are no HTTP, or that stop in the middle of it. */
async function garbage({ proxy, upstreams, random }: SoakPlace): Promise<void> {
  const at = `localhost:${upstreams.http1.port}`;
  const starts = [
    Buffer.from(Array.from({ length: 200 }, () => Math.floor(chance(random) * 256))),
    Buffer.from(`GET http://${at}/fault/slow HTTP/1.1\r\nHost: ${at}\r\nX: \0\r\n\r\n`),
    Buffer.from(`POST http://${at}/fault/early HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`),
    Buffer.from(`GET http://${at}/fa`),
    Buffer.from(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n\x16\x03\x01`),
  ];
  const socket = net.connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.write(starts[Math.floor(chance(random) * starts.length)] ?? '');
  await pause(20);
  socket.destroy();
}

/** The agent goes away in the middle of an answer, or of its own body. */
async function giveUp(place: SoakPlace, version: 'http1' | 'tls1' | 'http2'): Promise<void> {
  const { send, close } = await connect(place, version);
  const body = chance(place.random) < 0.5 ? BODY : undefined;
  const calls = Promise.allSettled([send('POST', '/fault/slow', body), send('GET', '/fault/half', undefined)]);
  await pause(chance(place.random) * 50);
  close();
  await Promise.race([calls, pause(500)]);
}

async function readSlowly({ proxy, upstreams }: SoakPlace): Promise<void> {
  const at = `localhost:${upstreams.http1.port}`;
  const socket = net.connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  for (let call = 0; call < 4; call += 1)
    socket.write(`GET http://${at}/slowly/900000 HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  for (let read = 0; read < 20; read += 1) {
    socket.read(10_000);
    await pause(10);
  }
  socket.destroy();
}

async function inTime<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${CALL_TIMEOUT_MS} ms`)), CALL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Below 1. */
function chance(random: Random): number {
  return random.below(1_000_000) / 1_000_000;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
