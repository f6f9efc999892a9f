import { afterEach, describe, expect, test } from 'vitest';
import { connectRaw } from '../support/agents/raw-agent.ts';
import { type ProxyWorld, route, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';

let world: ProxyWorld;
afterEach(() => world?.close());

const code = (text: string): string => JSON.parse(text).code;

describe('A-53 exhaustion', () => {
  test.each([
    ['a head without end', 'X-A: ', 'a', 431],
    ['headers without end', '', 'X-A: b\r\n', 431],
    ['a request line without end', undefined, 'a', 414],
  ])('%s', async (_name, start, more, status) => {
    world = await startProxyWorld();
    const agent = await world.agent();
    agent.send(
      start === undefined ? 'GET http://api.test/' : `GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n${start}`,
    );
    agent.send(more.repeat(60_000));
    expect((await agent.answer()).status).toBe(status);
    await agent.closed();
  });

  // Each took seconds, in which nobody else was served.
  test('fields of an opening that are all blanks, again and again', async () => {
    world = await startProxyWorld();
    const agent = await world.agent();
    const upgrade = ['Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];
    const head = [...upgrade, `Upgrade: websocket, a${' '.repeat(32_000)}b`];
    for (let turn = 0; turn < 40; turn += 1) {
      const answer = await agent.exchange(world.request('GET', '/', head));
      expect(code(answer.text)).toBe('bad-request');
    }
  });

  test('a head, an interim answer and trailers without end from the upstream', async () => {
    world = await startProxyWorld();
    const streams = [
      `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}`,
      'HTTP/1.1 102 Processing\r\n\r\n'.repeat(10_000),
      `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(10_000)}`,
    ];
    for (const bytes of streams) {
      const raw = await startRawUpstream((socket) => void socket.once('data', () => socket.write(bytes)));
      world.client.setRoutes([route({ ports: [raw.port] })]);
      const agent = await world.agent();
      const answer = await agent.exchange(
        `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
      );
      expect(code(answer.text)).toBe('upstream-malformed');
      await raw.close();
    }
  });

  test.each(['gzip', 'br'] as const)('a %s bomb is cut off', async (encoding) => {
    const { brotliCompressSync, constants, gzipSync } = await import('node:zlib');
    const zeros = Buffer.alloc(64 * 1024 * 1024);
    // Its best takes seconds, and makes no less of them.
    const params = { [constants.BROTLI_PARAM_QUALITY]: 5 };
    const once = encoding === 'br' ? brotliCompressSync(zeros, { params }) : gzipSync(gzipSync(zeros));
    world = await startProxyWorld();
    world.upstream.handle((_request, response) => {
      response.setHeader('Content-Encoding', encoding === 'br' ? 'br' : 'gzip, gzip');
      response.end(once);
    });
    const agent = await world.agent();
    agent.send(world.request('GET', '/', ['Connection: close']));
    const received = await agent.closed();
    expect(received.length).toBeLessThan(zeros.length);
    expect(received.endsWith('0\r\n\r\n')).toBe(false);
  });

  test('thousands of pipelined requests are answered a few in a turn, and all of them', async () => {
    world = await startProxyWorld();
    const agent = await world.agent();
    const refused = (): number => world.client.records.length;
    let most = 0;
    let seen = 0;
    let running = true;
    const look = (): void => {
      most = Math.max(most, refused() - seen);
      seen = refused();
      if (running) setImmediate(look);
    };
    look();
    agent.send('GET http://nowhere.test/ HTTP/1.1\r\nHost: nowhere.test\r\n\r\n'.repeat(1_000));
    agent.socket.end();
    const answers = await agent.closed();
    running = false;
    expect(answers.toString().match(/HTTP\/1\.1 403/g)).toHaveLength(1_000);
    expect(most).toBeLessThan(50);
  });

  test('no abuse of one connection harms another', async () => {
    world = await startProxyWorld();
    const good = await world.agent();
    for (let at = 0; at < 200; at += 1) {
      const bad = await connectRaw(world.proxy.address.port);
      bad.send(
        ['\0', 'GET', '\r\n\r\n\r\n', 'CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n\x16\x03'][at % 4] ??
          '',
      );
      if (at % 2 === 0) bad.socket.resetAndDestroy();
      else bad.socket.end();
    }
    for (let at = 0; at < 5; at += 1) expect((await good.exchange(world.request('GET', '/'))).status).toBe(200);
  });
});
