import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { seededRandom } from '../support/random.ts';
import { type RawAgent, connectRaw } from '../support/agents/raw-agent.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** Damaged bytes from both sides: the proxy neither breaks nor hangs nor gives the credential away. */

let world: ProxyWorld;
let raw: Awaited<ReturnType<typeof startRawUpstream>>;
let answer: Buffer = Buffer.alloc(0);
beforeAll(async () => {
  world = await startProxyWorld({
    config: { limits: { headerTimeoutMs: 2_000, bodyIdleTimeoutMs: 2_000, responseTimeoutMs: 2_000 } },
  });
  raw = await startRawUpstream((socket) => {
    socket.on('data', () => void (socket.writable && socket.end(answer)));
  });
  world.client.setRoutes([route({ ports: [raw.port, world.upstream.httpPort] })]);
});
afterAll(async () => {
  await world.close();
  await raw.close();
});

const seed = FUZZ_SEED;
const random = seededRandom(seed);

const ANSWERS = [
  `HTTP/1.1 200 OK\r\nContent-Length: ${SECRET.length}\r\nX-A: ${SECRET}\r\n\r\n${SECRET}`,
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n${SECRET.length.toString(16)};a=b\r\n${SECRET}\r\n0\r\nX-T: ${SECRET}\r\n\r\n`,
  `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: ${SECRET}\r\n\r\nHTTP/1.1 200 OK\r\n\r\n${SECRET}`,
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00',
];

/** Changes, drops, doubles or moves some bytes. */
function damage(text: string): Buffer {
  let bytes: Buffer = Buffer.from(text, 'latin1');
  for (let times = random.below(4); times > 0; times -= 1) {
    const at = random.below(bytes.length + 1);
    const until = at + random.below(12);
    const middle = random.pick([
      Buffer.alloc(0),
      Buffer.from(
        random.pick(['\r\n', '\n', '\0', ':', ' ', '0', 'f', '\r\n\r\n', ',', ';', '\x16\x03\x01']),
        'latin1',
      ),
      Buffer.concat([bytes.subarray(at, until), bytes.subarray(at, until)]),
    ]);
    bytes = Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(until)]);
  }
  return bytes;
}

async function one(): Promise<void> {
  const at = `api.test:${raw.port}`;
  const request = random.pick([
    `GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`,
    `POST http://${at}/a?b=c HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 5\r\n\r\nhello`,
    `PUT http://${at}/ HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`,
    `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\nGET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`,
    `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03${'x'.repeat(58)}`,
  ]);
  answer = damage(random.pick(ANSWERS));
  const agent: RawAgent = await connectRaw(world.proxy.address.port);
  agent.send(random.below(2) === 0 ? Buffer.from(request, 'latin1') : damage(request));
  agent.socket.end();
  await agent.closed();
  // A damaged echo may be another value; an undamaged one never passes.
  expect(agent.received.includes(SECRET), `seed ${seed}`).toBe(false);
  agent.destroy();
}

test('damaged messages from both sides do no harm', { timeout: (FUZZ_SECONDS + 60) * 1000 }, async () => {
  const end = Date.now() + FUZZ_SECONDS * 1000;
  let connections = 0;
  const worker = async (): Promise<void> => {
    for (; Date.now() < end; connections += 1) await one();
  };
  await Promise.all(Array.from({ length: 16 }, () => worker()));
  console.log(`${connections} damaged connections, seed ${seed}`);
  const agent = await world.agent();
  expect((await agent.exchange(world.request('GET', '/alive'))).text).toBe('hello');
});
