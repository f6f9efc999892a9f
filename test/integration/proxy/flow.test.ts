import { createHash } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectRaw } from '../../support/agents/raw-agent.ts';
import { denial, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 100 * MIB;
/** What 100 MiB may add while it passes; the sockets of agent and upstream live in this process too. */
const GROWTH_BYTES = 48 * MIB;

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Watches external and heap memory, garbage left out, while `run` runs; answers the growth at its peak. */
async function peakGrowth(run: () => Promise<void>): Promise<number> {
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, used())), 50);
  await run().finally(() => clearInterval(timer));
  return peak - before;
}

describe('backpressure', () => {
  test('100 MiB down to an agent that pauses', async () => {
    const piece = Buffer.alloc(64 * 1024, 'd');
    let sent = 0;
    world.upstream.handle((_request, response) => {
      response.writeHead(200, { 'content-length': BODY_BYTES });
      const more = (): void => {
        while (sent < BODY_BYTES) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const socket = net.connect(world.proxy.address.port, '127.0.0.1');
    let received = 0;
    const growth = await peakGrowth(async () => {
      socket.write(world.request('GET', '/', ['Connection: close']));
      await new Promise((resolve) => socket.once('readable', resolve));
      // Nobody reads: the upstream must stop too, far below the whole.
      let last = -1;
      while (sent !== last) {
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(sent).toBeLessThan(BODY_BYTES / 2);
      await new Promise<void>((resolve, reject) => {
        socket.on('data', (bytes) => (received += bytes.length));
        socket.once('end', resolve);
        socket.once('error', reject);
      });
    });
    socket.destroy();
    expect(received).toBeGreaterThan(BODY_BYTES);
    expect(received).toBeLessThan(BODY_BYTES + 1024);
    console.log(`100 MiB down: memory of agent, proxy and upstream grew by ${(growth / MIB).toFixed(1)} MiB at most`);
    expect(growth).toBeLessThan(GROWTH_BYTES);
  });

  test.each(['Content-Length', 'chunked'])('100 MiB up to an upstream that pauses, %s', async (framing) => {
    const digest = createHash('sha256');
    let received = 0;
    let resume: (() => void) | undefined;
    world.upstream.handle((request, response) => {
      resume = () => {
        request.on('data', (bytes: Buffer) => {
          received += bytes.length;
          digest.update(bytes);
        });
        request.on('end', () => response.end('stored'));
      };
    });
    const piece = Buffer.alloc(64 * 1024, 'u');
    const expected = createHash('sha256');
    const agent = await world.agent();
    const growth = await peakGrowth(async () => {
      const header = framing === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${BODY_BYTES}`;
      agent.send(world.request('POST', '/', [header]));
      let sent = 0;
      const upload = (async () => {
        for (; sent < BODY_BYTES; sent += piece.length) {
          expected.update(piece);
          if (framing === 'chunked') agent.send('10000\r\n', piece, '\r\n');
          else agent.send(piece);
          if (agent.socket.writableNeedDrain) await new Promise((resolve) => agent.socket.once('drain', resolve));
        }
        if (framing === 'chunked') agent.send('0\r\n\r\n');
      })();
      await until('the upstream was asked', () => resume !== undefined);
      let last = -1;
      while (sent !== last) {
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(sent).toBeLessThan(BODY_BYTES / 2);
      resume?.();
      await upload;
      expect((await agent.answer('POST')).text).toBe('stored');
    });
    expect(received).toBe(BODY_BYTES);
    expect(digest.digest('hex')).toBe(expected.digest('hex'));
    console.log(`100 MiB up (${framing}): memory grew by ${(growth / MIB).toFixed(1)} MiB at most`);
    expect(growth).toBeLessThan(GROWTH_BYTES);
  });

  test('an agent that pipelines and never reads gets no further answers', async () => {
    let asked = 0;
    const body = Buffer.alloc(256 * 1024, 'p');
    world.upstream.handle((request, response) => {
      asked += 1;
      request.resume();
      response.end(body);
    });
    const socket = net.connect({ port: world.proxy.address.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.pause();
    socket.write(world.request('GET', '/').repeat(500));
    let last = -1;
    while (asked !== last) {
      last = asked;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(asked).toBeLessThan(100);
    let received = 0;
    socket.on('data', (bytes) => (received += bytes.length));
    socket.resume();
    await until('all were answered', () => received > 500 * body.length, 20_000);
    expect(asked).toBe(500);
    socket.destroy();
  });
});

describe('many and slow', () => {
  test('1,000 idle connections stay open beside a busy one', async () => {
    const idle = await Promise.all(Array.from({ length: 1000 }, () => connectRaw(world.proxy.address.port)));
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/'))).status).toBe(200);
    const some = idle[500];
    expect((await some?.exchange(world.request('GET', '/')))?.status).toBe(200);
    for (const connected of idle) connected.destroy();
  });

  test('a request that drips in byte by byte is understood', async () => {
    const agent = await world.agent();
    agent.socket.setNoDelay(true);
    for (const byte of world.request('POST', '/drip', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n')) {
      agent.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await agent.answer('POST')).status).toBe(200);
    expect(world.upstream.seen[0]?.body.toString()).toBe('abc');
  });

  test('an answer that drips in byte by byte is passed on as it comes', async () => {
    const raw = await startRawUpstream((socket) => {
      socket.once('data', async () => {
        for (const byte of 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n') {
          socket.write(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
    });
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    const answer = await agent.exchange(
      `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
    );
    expect(answer.text).toBe('abc');
    await raw.close();
  });

  test('a denied upload is drained, so that the agent reads why', async () => {
    world.client.decide = () => denial('policy-denied');
    const answer = await new Promise<string>((resolve, reject) => {
      const request = http.request(
        {
          host: '127.0.0.1',
          port: world.proxy.address.port,
          method: 'POST',
          path: `http://api.test:${world.upstream.httpPort}/`,
          headers: { host: `api.test:${world.upstream.httpPort}` },
          agent: false,
        },
        async (response) => {
          let text = '';
          for await (const piece of response) text += piece;
          resolve(text);
        },
      );
      request.on('error', reject);
      request.end(Buffer.alloc(5 * MIB));
    });
    expect(JSON.parse(answer).code).toBe('policy-denied');
  });

  test('an agent that goes away ends its upstream call', async () => {
    let gone = false;
    world.upstream.handle((request, response) => {
      response.write('first');
      request.socket.on('close', () => (gone = true));
    });
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await agent.until((text) => text.includes('200 OK'));
    agent.socket.resetAndDestroy();
    await until('the upstream was let go', () => gone);
    expect(world.client.records.at(-1)).toMatchObject({ outcome: 3 });
  });
});
