import { readFileSync } from 'node:fs';
import type net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTS, type ProxyWorld, route, routeTo, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

describe('kept upstream connections', () => {
  test('an opening of a WebSocket that is answered otherwise leaves its connection to the next call', async () => {
    world.upstream.handle((_request, response) => void response.writeHead(401).end('no'));
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const head = world.request('GET', '/feed', [...upgrade, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']);
    const agent = await world.agent();
    for (let turn = 0; turn < 3; turn += 1) expect((await agent.exchange(head)).status).toBe(401);
    expect(world.upstream.connections()).toBe(1);
  });

  test('a hundred calls at a time are made again over the connections that they needed', async () => {
    const agents = await Promise.all(Array.from({ length: 100 }, () => world.agent()));
    const held: (() => void)[] = [];
    world.upstream.handle((_request, response) => held.push(() => response.end('ok')));
    for (let wave = 0; wave < 3; wave += 1) {
      const answers = agents.map((agent) => agent.exchange(world.request('GET', '/')));
      await until('all calls arrived', () => held.length === agents.length);
      for (const end of held.splice(0)) end();
      expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
    }
    expect(world.upstream.connections()).toBe(agents.length);
  });

  test('the kernel asks a silent upstream whether it is still there', async () => {
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/'))).status).toBe(200);
    const port = world.upstream.httpPort.toString(16).toUpperCase().padStart(4, '0');
    const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n');
    // proc(5): remote address, state (01: established), queues, and the timer (02: keepalive) with its time.
    const ours = rows.map((row) => row.trim().split(/ +/)).filter(([, , remote]) => remote === `0100007F:${port}`);
    expect(ours.map(([, , , state, , timer]) => `${state} ${timer?.slice(0, 2)}`)).toContain('01 02');
  });

  /** Answers the first request of each connection; the second on the first connection finds it closed. */
  function closesOnSecond(seen: string[]): (socket: net.Socket, connection: number) => void {
    return (socket, connection) => {
      let requests = 0;
      socket.on('data', (bytes) => {
        requests += 1;
        seen.push(bytes.toString('latin1').split(' ', 1)[0] ?? '');
        if (connection === 1 && requests === 2) return void socket.resetAndDestroy();
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    };
  }

  test.each([
    ['GET', '', 200, 2],
    ['PUT', '', 200, 2],
    ['POST', '', 502, 1],
    ['PUT', 'body', 502, 1],
    ['PATCH', '', 502, 1],
  ])('%s with body %j on a stale one is answered %i', async (method, body, status, connections) => {
    const seen: string[] = [];
    const raw = await startRawUpstream(closesOnSecond(seen));
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    const head = (verb: string, length: number): string =>
      `${verb} http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\nContent-Length: ${length}\r\n\r\n`;
    expect((await agent.exchange(head('GET', 0))).status).toBe(200);
    expect((await agent.exchange(head(method, body.length) + body)).status).toBe(status);
    expect(raw.connections()).toBe(connections);
    await raw.close();
  });

  test('a request with a long head and a body that has not left yet is sent again whole', async () => {
    const heads: string[] = [];
    const raw = await startRawUpstream((socket, connection) => {
      let requests = 0;
      let text = '';
      socket.on('data', (bytes) => {
        requests += 1;
        if (connection === 1 && requests === 2) return void socket.resetAndDestroy();
        text += bytes.toString('latin1');
        if (connection === 2 && !text.endsWith('the body')) return;
        heads.push(text.split('\r\n', 1)[0] ?? '');
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    const at = `api.test:${raw.port}`;
    await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    const long = `X-Long: ${'x'.repeat(30_000)}\r\n`;
    agent.send(`PUT http://${at}/ HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 8\r\n${long}\r\n`);
    await until('the second connection came', () => raw.connections() === 2);
    agent.send('the body');
    expect((await agent.answer('PUT')).text).toBe('ok');
    expect(heads).toEqual(['GET / HTTP/1.1', 'PUT / HTTP/1.1']);
    await raw.close();
  });

  test('a fresh connection that breaks is not tried again', async () => {
    const raw = await startRawUpstream((socket) => void socket.once('data', () => socket.destroy()));
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    const answer = await agent.exchange(
      `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
    );
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.text).code).toBe('upstream-closed');
    expect(raw.connections()).toBe(1);
    await raw.close();
  });

  test('a pipelined request does not go to a connection that ended with the answer before it', async () => {
    const { caPem, ...identity } = makeTlsIdentity(HOSTS);
    const server = tls.createServer(identity, (socket) => {
      socket.on('error', () => {});
      // Without a word of it ahead; over TLS the answer and the end come in one read.
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    world.client.setRoutes([routeTo({ port, caPem }, 'api.test')]);
    const { agent } = await world.tlsAgent('api.test', port);
    const fields = `Host: api.test:${port}\r\nContent-Length: 0`;
    agent.send(`GET / HTTP/1.1\r\n${fields}\r\n\r\nPOST / HTTP/1.1\r\n${fields}\r\n\r\n`);
    expect([(await agent.answer()).status, (await agent.answer()).status]).toEqual([200, 200]);
    server.close();
  });

  test('none outlives a change of the routes', async () => {
    const agent = await world.agent();
    await agent.exchange(world.request('GET', '/'));
    world.client.setRoutes([route({ ports: [world.upstream.httpPort] })]);
    await agent.exchange(world.request('GET', '/'));
    expect(world.upstream.connections()).toBe(2);
  });

  test('an upstream that is not there is a 502', async () => {
    const raw = await startRawUpstream(() => {});
    await raw.close();
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    const answer = await agent.exchange(
      `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
    );
    expect(JSON.parse(answer.text).code).toBe('connect-failed');
  });

  test.each(['chunked', 'length', 'until-close'])('a reset inside a %s answer cuts the agent off', async (framing) => {
    const head = {
      chunked: 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      length: 'Content-Length: 100\r\n\r\nhello',
      'until-close': '\r\nhello',
    }[framing];
    let reset: (() => void) | undefined;
    const raw = await startRawUpstream((socket) => {
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}`));
      reset = () => socket.resetAndDestroy();
    });
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    agent.send(`GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`);
    await agent.until((text) => text.includes('200 OK'));
    reset?.();
    await agent.closed();
    // Never the mark of a whole body.
    expect(agent.received.toString().endsWith('0\r\n\r\n')).toBe(false);
    expect(world.client.records.at(-1)).toMatchObject({ outcome: 3 });
    await raw.close();
  });
});
