import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import type { ProxyLimits } from '../../../proxy/limits.ts';
import { grant, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

const SIGNING_THE_BODY: Injection = {
  kind: {
    $case: 'hmac',
    value: {
      key: Buffer.from('a-key-of-some-length'),
      algorithm: 'sha256',
      encoding: 'hex',
      timestamp: 'seconds',
      signed: '{{body}}',
      headers: [{ name: 'X-Signature', value: '{{signature}}' }],
    },
  },
};

let world: ProxyWorld;
afterEach(() => world.close());

async function limited(limits: Partial<ProxyLimits>): Promise<void> {
  world = await startProxyWorld({ config: { limits } });
}

function to(port: number): string {
  return `GET http://api.test:${port}/ HTTP/1.1\r\nHost: api.test:${port}\r\n\r\n`;
}

test('maxMethodBytes', async () => {
  await limited({ maxMethodBytes: 4 });
  const agent = await world.agent();
  expect((await agent.exchange(world.request('POST', '/', ['Content-Length: 0']))).status).toBe(200);
  expect((await agent.exchange(world.request('PATCH', '/', ['Content-Length: 0']))).status).toBe(400);
  await agent.closed();
});

test('maxInformational', async () => {
  await limited({ maxInformational: 2 });
  let interim = 2;
  const raw = await startRawUpstream((socket) => {
    const hints = 'HTTP/1.1 103 Early Hints\r\n\r\n';
    socket.on('data', () => socket.write(`${hints.repeat(interim)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`));
  });
  world.client.setRoutes([route({ ports: [raw.port] })]);
  expect((await (await world.agent()).exchange(to(raw.port))).status).toBe(200);
  interim = 3;
  expect((await (await world.agent()).exchange(to(raw.port))).status).toBe(502);
  await raw.close();
});

test('maxSignedBodyBytes', async () => {
  await limited({ maxSignedBodyBytes: 16 });
  world.client.decide = (question) => grant(question, SIGNING_THE_BODY);
  const send = async (size: number): Promise<number> => {
    const agent = await world.agent();
    return (await agent.exchange(world.request('POST', '/', [`Content-Length: ${size}`], 'x'.repeat(size)))).status;
  };
  expect([await send(16), await send(17)]).toEqual([200, 413]);
});

test('maxIdlePerHost: of connections that several calls needed, so many are kept', async () => {
  await limited({ maxIdlePerHost: 1 });
  const held: (() => void)[] = [];
  world.upstream.handle((_request, response) => held.push(() => response.end()));
  for (const connections of [2, 3]) {
    const two = await Promise.all([world.agent(), world.agent()]);
    const answers = two.map((agent) => agent.exchange(world.request('GET', '/')));
    await until('both calls arrived', () => held.length === 2);
    for (const end of held.splice(0)) end();
    await Promise.all(answers);
    expect(world.upstream.connections()).toBe(connections);
  }
});

describe('highWaterBytes: what waits for a decision', () => {
  const BODY = Buffer.alloc(32 * 1024 * 1024);

  /** How much of the body is left at the agent. */
  async function sent(highWaterBytes: number): Promise<() => number> {
    await limited({ highWaterBytes });
    world.client.decide = () => new Promise(() => {});
    const agent = await world.agent();
    agent.send(world.request('POST', '/', [`Content-Length: ${BODY.length}`]), BODY);
    return () => agent.socket.writableLength;
  }

  test('stays with the agent beyond it', async () => {
    const left = await sent(4_096);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(left()).toBeGreaterThan(BODY.length / 2);
  });

  test('and is taken up to it', async () => {
    const left = await sent(2 * BODY.length);
    await until('all is taken', () => left() === 0);
  });
});

describe.runIf(process.platform === 'linux')('connectTimeoutMs', () => {
  let child: ChildProcess;
  const filling: net.Socket[] = [];
  afterEach(() => {
    for (const socket of filling.splice(0)) socket.destroy();
    child.kill('SIGKILL');
  });

  /** A port whose queue of connections is full, and whose program takes none of them: what comes now gets no answer. */
  async function startDeafUpstream(): Promise<number> {
    const listen =
      "require('net').createServer().listen(0, '127.0.0.1', 1, function () { console.log(this.address().port); })";
    child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout ?? child, 'data');
    const port = Number(String(line));
    child.kill('SIGSTOP');
    for (let at = 0; at < 8; at += 1) filling.push(net.connect(port, '127.0.0.1').on('error', () => {}));
    await until('the queue was full', () => filling.some((socket) => !socket.connecting));
    return port;
  }

  test('an upstream that does not take the connection', async () => {
    await limited({ connectTimeoutMs: 500 });
    const port = await startDeafUpstream();
    world.client.setRoutes([route({ ports: [port] })]);
    const answer = await (await world.agent()).exchange(to(port));
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([504, 'connect-timeout']);
  });
});
