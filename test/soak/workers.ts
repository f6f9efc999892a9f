import net from 'node:net';
import type { Random } from '../support/random.ts';
import { FAULTS } from './upstreams.ts';
import { type CallPlace, type Connection, PROTOCOLS, REQUESTS, type Send } from './ways.ts';

/** What the agents of a soak did. */
export interface Tally {
  /** Paths of well-behaved requests, no two alike, and how many were answered wholly and rightly, by way. */
  readonly sent: string[];
  readonly answered: Map<string, number>;
  /** Paths of requests that policy denies, and how many were refused for want of a control plane to say so. */
  readonly denied: string[];
  unanswered: number;
  /** Paths of calls that go on until somebody ends them, and how many a change of policy or a revocation cut. */
  readonly endless: string[];
  cut: number;
  /** Requests for which something was made to go wrong. */
  faults: number;
  /** What went wrong where nothing should. */
  readonly wrong: string[];
}

export interface SoakPlace extends CallPlace {
  readonly tally: Tally;
  readonly random: Random;
  running(): boolean;
  /** Changes whenever the control plane goes or has come back, and is odd in between. */
  outage(): number;
}

const MAX_WRONG = 20;
/** Longer than all timeouts of the proxy under soak. */
const CALL_TIMEOUT_MS = 30_000;
const BODY = Buffer.alloc(300_000, 'a request body; ');
const PER_CONNECTION = 100;

const WAYS = { ...REQUESTS, ...PROTOCOLS };
type Way = keyof typeof WAYS;
/** One agent each that behaves, and the common ways twice. */
export const BEHAVING = [...(Object.keys(WAYS) as Way[]), 'http1', 'tls1', 'http2'] as const satisfies readonly Way[];
/** Of agents that do not: the local listener's upstream is shared with those that do. */
const MISBEHAVING = [
  'http1',
  'tls1',
  'http2',
  'socks5',
  'chained',
  'webSocket',
  'grpc',
] as const satisfies readonly Way[];

/** One call of each kind, so that every grant is held when the control plane goes. */
export async function warmUp(place: SoakPlace): Promise<void> {
  for (const way of new Set<Way>(BEHAVING)) {
    const connection = await connected(place, way);
    if (connection === undefined) continue;
    for (const body of [undefined, BODY.subarray(0, 10)]) await allowedCall(place, connection.send, way, 10, body);
    connection.close();
  }
}

/** One agent that behaves, on connection after connection, until the soak is over. */
export async function behave(place: SoakPlace, way: Way): Promise<void> {
  while (place.running()) {
    const connection = await connected(place, way);
    if (connection === undefined) return;
    for (let call = 0; call < PER_CONNECTION && place.running(); call += 1) {
      if (!(await oneCall(place, connection.send, way))) break;
    }
    connection.close();
  }
}

/** Undefined, and wrong, when there is none. */
async function connected(place: SoakPlace, way: Way): Promise<Connection | undefined> {
  try {
    return await WAYS[way](place);
  } catch (error) {
    expect(place.tally, false, `${way}: no connection, ${String(error)}`);
    return undefined;
  }
}

/** False when the connection is of no more use. */
async function oneCall(place: SoakPlace, send: Send, way: Way): Promise<boolean> {
  const { random } = place;
  const dice = chance(random);
  if (dice > 0.95 && way in REQUESTS) return oneDenial(place, send, way);
  const size = Math.floor(chance(random) ** 4 * 400_000);
  const body = dice < 0.3 ? BODY.subarray(0, Math.floor(chance(random) ** 3 * BODY.length)) : undefined;
  return allowedCall(place, send, way, size, body);
}

async function allowedCall(
  { tally }: SoakPlace,
  send: Send,
  way: Way,
  size: number,
  body: Buffer | undefined,
): Promise<boolean> {
  const path = `/well/${size}/${tally.sent.length}/${way}`;
  tally.sent.push(path);
  const what = `${way}, ${body?.length ?? 'no'} bytes for ${size}`;
  try {
    const { status, bytes } = await inTime(send(body === undefined ? 'GET' : 'POST', path, body));
    const isRight = status === 200 && bytes === size;
    if (isRight) tally.answered.set(way, 1 + (tally.answered.get(way) ?? 0));
    expect(tally, isRight, `${what}: got ${bytes} with ${status}`);
    return isRight;
  } catch (error) {
    expect(tally, false, `${what}: broke off, ${String(error)}`);
    return false;
  }
}

/** A method that no rule covers: 403, or 503 while nobody can be asked, or 504 when a busy machine gives no answer in time. */
async function oneDenial({ outage, tally }: SoakPlace, send: Send, way: Way): Promise<boolean> {
  const path = `/denied/${tally.denied.length}`;
  tally.denied.push(path);
  const before = outage();
  try {
    const { status } = await inTime(send('DELETE', path));
    const wasAway = before % 2 === 1 || outage() !== before;
    if (status === 504 || (status === 503 && wasAway)) tally.unanswered += 1;
    else expect(tally, status === 403, `${way}, a denial: got ${status}`);
    return true;
  } catch (error) {
    expect(tally, false, `${way}, a denial: broke off, ${String(error)}`);
    return false;
  }
}

export function expect(tally: Tally, holds: boolean, wrong: string): void {
  if (!holds && tally.wrong.length < MAX_WRONG) tally.wrong.push(wrong);
}

/** One agent for which things go wrong: upstreams that fail, resets, readers that stop, garbage. */
export async function misbehave(place: SoakPlace): Promise<void> {
  while (place.running()) {
    const way = place.random.pick(MISBEHAVING);
    const turn = place.random.below(4);
    place.tally.faults += 1;
    try {
      if (turn === 0) await upstreamFaults(place, way);
      else if (turn === 1) await garbage(place);
      else if (turn === 2) await giveUp(place, way);
      else await readSlowly(place);
    } catch {
      // Any end is fine, as long as the proxy goes on.
    }
  }
}

async function upstreamFaults(place: SoakPlace, way: Way): Promise<void> {
  const { send, close } = await WAYS[way](place);
  try {
    for (const fault of FAULTS) await inTime(send('GET', `/fault/${fault}`)).catch(() => {});
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
async function giveUp(place: SoakPlace, way: Way): Promise<void> {
  const { send, close } = await WAYS[way](place);
  const body = chance(place.random) < 0.5 ? BODY : undefined;
  const calls = Promise.allSettled([send('POST', '/fault/slow', body), send('GET', '/fault/half')]);
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
