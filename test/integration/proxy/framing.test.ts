import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { denial, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { scripted, startRawUpstream } from '../../support/upstreams/upstream.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

/** Runs the test against an upstream that gives these answers, one a request. */
async function withAnswers(answers: readonly string[], run: (at: string, connections: () => number) => Promise<void>) {
  const raw = await startRawUpstream(scripted(...answers));
  world.client.setRoutes([route({ ports: [raw.port] })]);
  try {
    await run(`http://api.test:${raw.port}`, raw.connections);
  } finally {
    await raw.close();
  }
}

describe('keep-alive and pipelining', () => {
  test('pipelined requests are answered in order, over one upstream connection', async () => {
    world.upstream.handle((request, response) => {
      world.upstream
        .note(request)
        .then(({ target }) => response.end(target))
        .catch(() => {});
    });
    const agent = await world.agent();
    agent.send(
      world.request('GET', '/1') +
        world.request('POST', '/2', ['Content-Length: 3'], '[1]') +
        world.request('GET', '/3') +
        world.request('POST', '/4', ['Transfer-Encoding: chunked'], '3\r\n[1]\r\n0\r\n\r\n') +
        world.request('GET', '/5'),
    );
    for (const path of ['/1', '/2', '/3', '/4', '/5']) expect((await agent.answer()).text).toBe(path);
    expect(world.upstream.connections()).toBe(1);
    expect(world.upstream.seen.map(({ body }) => body.toString())).toEqual(['', '[1]', '', '[1]', '']);
  });

  test('pipelined refusals keep their place among the answers', async () => {
    const agent = await world.agent();
    agent.send(world.request('GET', '/1') + world.request('TRACE', '/2') + world.request('GET', '/3'));
    expect((await agent.answer()).status).toBe(200);
    expect((await agent.answer()).status).toBe(405);
    expect((await agent.answer()).status).toBe(200);
  });

  test('a pipelined request that is malformed is refused after those before it', async () => {
    const agent = await world.agent();
    agent.send(`${world.request('GET', '/1')}GET / HTTP/1.1\r\nHost : x\r\n\r\n`);
    expect((await agent.answer()).status).toBe(200);
    expect((await agent.answer()).status).toBe(400);
    await agent.closed();
  });

  test('what the agent sent before its half-close is all answered', async () => {
    const agent = await world.agent();
    agent.send(world.request('GET', '/1') + world.request('GET', '/2') + world.request('GET', '/3'));
    agent.socket.end();
    for (let at = 0; at < 3; at += 1) expect((await agent.answer()).status).toBe(200);
    await agent.closed();
  });

  test('a half-close in the middle of a body is an error, not a whole request', async () => {
    const agent = await world.agent();
    agent.send(world.request('POST', '/1', ['Content-Length: 10'], 'abc'));
    agent.socket.end();
    expect((await agent.answer('POST')).status).toBe(499);
    await agent.closed();
    expect(world.upstream.seen).toEqual([]);
  });

  test('a denial keeps the connection of a request whose body is empty', async () => {
    world.client.decide = () => denial('rule-denied');
    const agent = await world.agent();
    for (const method of ['POST', 'GET', 'POST']) {
      const answer = await agent.exchange(world.request(method, '/', method === 'GET' ? [] : ['Content-Length: 0']));
      expect(answer.status).toBe(403);
      expect(answer.headers.has('connection')).toBe(false);
    }
  });

  test('Connection: close is honoured', async () => {
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/', ['Connection: close']));
    expect(answer.headers.get('connection')).toBe('close');
    await agent.closed();
  });
});

describe('bodies', () => {
  test('chunks and trailers pass both ways, re-framed', async () => {
    await withAnswers(
      [
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n',
      ],
      async (at) => {
        const agent = await world.agent();
        const answer = await agent.exchange(`GET ${at}/ HTTP/1.1\r\nHost: ${at.slice(7)}\r\n\r\n`);
        expect(answer.text).toBe('abcde');
        expect(answer.trailers?.get('x-sum')).toBe('5');
        expect(agent.received.toString()).not.toContain('ext=1');
      },
    );
    let trailers: NodeJS.Dict<string> = {};
    world.upstream.handle((request, response) => {
      world.upstream
        .note(request)
        .then(() => {
          trailers = request.trailers;
          response.end();
        })
        .catch(() => {});
    });
    world.client.setRoutes([route({ ports: [world.upstream.httpPort] })]);
    const agent = await world.agent();
    const head = world.request('POST', '/', ['Transfer-Encoding: chunked']);
    await agent.exchange(`${head}3\r\nabc\r\n0\r\nX-Sum: 3\r\nX-Api-Key: mine\r\n\r\n`);
    expect(trailers).toEqual({ 'x-sum': '3' });
  });

  test('100-continue comes from the upstream before the body is sent', async () => {
    const agent = await world.agent();
    agent.send(world.request('POST', '/', ['Content-Length: 4', 'Expect: 100-continue']));
    await agent.until((text) => text.includes('100 Continue'));
    agent.send('body');
    const answer = await agent.answer('POST');
    expect(answer.informational.map(({ status }) => status)).toEqual([100]);
    expect(answer.status).toBe(200);
    expect(world.upstream.seen[0]?.body.toString()).toBe('body');
  });

  test('an upstream that refuses the expectation answers at once', async () => {
    await withAnswers(['HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n'], async (at) => {
      const agent = await world.agent();
      const answer = await agent.exchange(
        `POST ${at}/ HTTP/1.1\r\nHost: ${at.slice(7)}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
      );
      expect(answer.status).toBe(417);
      expect(answer.headers.get('connection')).toBe('close');
      await agent.closed();
    });
  });

  test('an early answer to an upload is delivered, and the connection closed', async () => {
    world.upstream.handle((request, response) => {
      response.writeHead(413, { connection: 'close', 'content-length': 9 }).end('too large');
      request.resume();
    });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('POST', '/', ['Content-Length: 1000000'], 'x'.repeat(10_000)));
    expect(answer.status).toBe(413);
    expect(answer.text).toBe('too large');
    await agent.closed();
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n', 200, '12345'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 200, undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204, undefined],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n', 304, '99'],
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 200, '0'],
  ])('%s %j has no body and keeps both connections', async (method, answer, status, length) => {
    await withAnswers([answer, answer], async (at, connections) => {
      const agent = await world.agent();
      for (let call = 0; call < 2; call += 1) {
        const got = await agent.exchange(`${method} ${at}/ HTTP/1.1\r\nHost: ${at.slice(7)}\r\n\r\n`);
        expect(got.status).toBe(status);
        expect(got.headers.get('content-length')).toBe(length);
        expect(got.body).toHaveLength(0);
      }
      expect(connections()).toBe(1);
    });
  });

  test('a body that ends with the upstream connection is chunked to the agent, whose connection goes on', async () => {
    const raw = await startRawUpstream((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
    });
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    for (let call = 0; call < 2; call += 1) {
      const answer = await agent.exchange(
        `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
      );
      expect(answer.text).toBe('until the end');
    }
    await raw.close();
  });

  test('103 Early Hints pass, scrubbed, on a connection that is for one host', async () => {
    await withAnswers(
      [`HTTP/1.1 103 Early Hints\r\nLink: <${SECRET}>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`],
      async (at) => {
        const host = at.slice(7);
        const agent = await world.agent();
        await agent.exchange(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'CONNECT');
        agent.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        await agent.until((text) => text.endsWith('\r\n\r\nok'));
        expect(agent.received.toString()).toMatch(/HTTP\/1\.1 103 Early Hints\r\nLink: <.*HTTP\/1\.1 200 /s);
        expect(agent.received.toString()).not.toContain(SECRET);
      },
    );
  });
});

describe('upstreams that break the rules', () => {
  test.each([
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
    ['no status line', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['a body in a 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello'],
  ])('%s is a 502 that tells nothing of it', async (_name, answer) => {
    await withAnswers([answer], async (at) => {
      const agent = await world.agent();
      const got = await agent.exchange(`GET ${at}/ HTTP/1.1\r\nHost: ${at.slice(7)}\r\n\r\n`);
      expect(got.status).toBe(502);
      expect(JSON.parse(got.text).code).toBe('upstream-malformed');
    });
  });

  test('bytes behind an answer are not given to the next request', async () => {
    await withAnswers(
      [
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged',
        'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal',
      ],
      async (at) => {
        const agent = await world.agent();
        const request = `GET ${at}/ HTTP/1.1\r\nHost: ${at.slice(7)}\r\n\r\n`;
        expect((await agent.exchange(request)).text).toBe('ok');
        const second = await agent.exchange(request);
        expect(second.text).not.toBe('forged');
        expect(agent.received.toString()).not.toContain('forged');
      },
    );
  });
});
