import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProxyWorld, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import type { RawAgent } from '../support/agents/raw-agent.ts';
import { FUZZ_SECONDS } from '../support/time-box.ts';

/** Random conversations through a running proxy: whatever is pipelined, cut and delayed, each answer is the right one. */

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld();
  world.upstream.handle((request, response) => {
    const asked = new URL(request.url ?? '/', 'http://upstream');
    const size = Number(asked.searchParams.get('size'));
    const kind = asked.searchParams.get('kind') ?? '';
    const digest = createHash('sha256');
    request.on('data', (bytes: Buffer) => digest.update(bytes));
    request.on('error', () => {});
    request.on('end', () => {
      response.setHeader('X-Body', digest.digest('hex'));
      response.setHeader('X-Id', asked.searchParams.get('id') ?? '');
      if (kind === '204' || kind === '304') return void response.writeHead(Number(kind)).end();
      if (kind === 'close') response.setHeader('Connection', 'close');
      if (kind === 'length') response.setHeader('Content-Length', size);
      if (kind === 'echo') return void response.end(`${request.headers.authorization}`);
      const half = size >> 1;
      response.write(Buffer.alloc(half, 'b'));
      const rest = (): void => void response.end(Buffer.alloc(size - half, 'b'));
      if (size % 3 === 0) setImmediate(rest);
      else rest();
    });
  });
});
afterAll(() => world.close());

const below = (limit: number): number => Math.floor(Math.random() * limit);
const pick = <T>(items: readonly [T, ...T[]]): T => items[below(items.length)] ?? items[0];

interface Planned {
  readonly id: number;
  readonly method: string;
  readonly kind: string;
  readonly size: number;
  readonly sent: Buffer;
  readonly body: Buffer;
}

function plan(id: number): Planned {
  const method = pick(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']);
  const kind = pick(['chunked', 'length', 'close', '204', '304', 'echo', 'denied']);
  const size = pick([0, 1, 10, 1000, 70_000, 300_000]) + below(3);
  const body =
    method === 'GET' || method === 'HEAD' ? Buffer.alloc(0) : Buffer.alloc(pick([0, 1, 5, 3000, 200_000]), 'u');
  const chunked = body.length > 0 && Math.random() < 0.5;
  const headers = chunked ? ['Transfer-Encoding: chunked'] : body.length > 0 ? [`Content-Length: ${body.length}`] : [];
  const head = Buffer.from(
    world.request(kind === 'denied' ? 'TRACE' : method, `/?id=${id}&size=${size}&kind=${kind}`, headers),
  );
  if (kind === 'denied')
    return { id, method: 'TRACE', kind, size: 0, sent: Buffer.from(world.request('TRACE', '/')), body };
  if (!chunked) return { id, method, kind, size, sent: Buffer.concat([head, body]), body };
  const pieces = [head];
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + 1 + below(50_000));
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  pieces.push(Buffer.from('0\r\n\r\n'));
  return { id, method, kind, size, sent: Buffer.concat(pieces), body };
}

async function sendCut(agent: RawAgent, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + below(pick([20, 2000, 200_000])));
    agent.send(piece);
    at += piece.length;
    if (Math.random() < 0.2) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function converse(): Promise<number> {
  const agent = await world.agent();
  const planned = Array.from({ length: 1 + below(12) }, (_, id) => plan(id));
  const halfClose = Math.random() < 0.3;
  const sending = sendCut(agent, Buffer.concat(planned.map(({ sent }) => sent))).then(() => {
    if (halfClose) agent.socket.end();
  });
  for (const { id, method, kind, size, body } of planned) {
    const answer = await agent.answer(method);
    const label = `${method} ${kind} ${size}`;
    if (kind === 'denied') {
      expect(answer.status, label).toBe(405);
      continue;
    }
    expect(answer.headers.get('x-id'), label).toBe(String(id));
    expect(answer.headers.get('x-body'), label).toBe(createHash('sha256').update(body).digest('hex'));
    if (method === 'HEAD' || kind === '204' || kind === '304') expect(answer.body.length, label).toBe(0);
    else if (kind === 'echo') expect(answer.text, label).toBe(`Bearer ${'*'.repeat(SECRET.length)}`);
    else expect(answer.body.equals(Buffer.alloc(size, 'b')), label).toBe(true);
  }
  await sending;
  if (halfClose) await agent.closed();
  agent.destroy();
  return planned.length;
}

test('random conversations are answered rightly', { timeout: (FUZZ_SECONDS + 60) * 1000 }, async () => {
  const end = Date.now() + FUZZ_SECONDS * 1000;
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (Date.now() < end) calls += await converse();
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  console.log(`${calls} calls in random conversations`);
});
