import zlib from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AgentAnswer, RawAgent } from '../support/agents/raw-agent.ts';
import { type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { until } from '../support/until.ts';
import { scripted, startRawUpstream } from '../support/upstreams/upstream.ts';
import { renderings } from '../support/protocols/renderings.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

const sawSecretUpstream = (): boolean =>
  world.upstream.seen.some(({ headers }) => headers.authorization === `Bearer ${SECRET}`);

/** Nothing the agent was ever sent holds the credential, in any rendering. */
function expectClean(agent: RawAgent, answer?: AgentAnswer): void {
  const received = agent.received.toString('latin1') + (answer?.text ?? '');
  for (const [name, text] of renderings(SECRET)) expect(received.includes(text), name).toBe(false);
}

/** One frame of zstd with one raw block (RFC 8878 3.1.1): single segment, a content size of one byte. */
function zstdFrame(bytes: Buffer): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.length << 3) | 1, 0, 3);
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, bytes.length]), block, bytes]);
}

/** An upstream that answers with these bytes, whatever is asked. */
async function answered(bytes: string, run: (agent: RawAgent, answer: AgentAnswer) => Promise<void> | void) {
  const raw = await startRawUpstream(scripted(bytes));
  world.client.setRoutes([route({ ports: [raw.port] })]);
  const agent = await world.agent();
  const answer = await agent.exchange(
    `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
  );
  await run(agent, answer);
  await raw.close();
}

test('A-01 a page that echoes the credential arrives without it, however it is cut', async () => {
  world.upstream.handle(async (request, response) => {
    const { headers } = await world.upstream.note(request);
    for (const byte of `you sent ${headers.authorization}; again ${headers.authorization}`) {
      response.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/echo'));
  expect(sawSecretUpstream()).toBe(true);
  expect(answer.text).toBe(`you sent Bearer ${'*'.repeat(SECRET.length)}; again Bearer ${'*'.repeat(SECRET.length)}`);
  expectClean(agent, answer);
  expect(world.client.records[0]?.scrubbed).toBe(2);
});

test('A-01 what was masked is in the record of an answer that the agent or a revocation broke off', async () => {
  world.upstream.handle((request, response) => {
    response.write(`${request.headers.authorization} ${request.headers.authorization}${' and more'.repeat(1_000)}`);
  });
  const breaks = [
    (agent: RawAgent) => agent.socket.resetAndDestroy(),
    () => world.client.revoke({ id: '1', target: 3, name: 'api-token', at: undefined, lifted: false }),
  ];
  for (const [index, breakOff] of breaks.entries()) {
    const agent = await world.agent();
    agent.send(world.request('GET', '/echo'));
    await until('the echo came', () => agent.received.includes('**'));
    breakOff(agent);
    await until('the call is recorded', () => world.client.records.length > index);
    expect(world.client.records[index]?.scrubbed).toBe(2);
  }
});

test('A-01 the same over TLS, with Content-Length, and in trailers', async () => {
  world.upstream.handle(async (request, response) => {
    const { headers } = await world.upstream.note(request);
    const body = `<p>${headers.authorization}</p>`;
    response.setHeader('Content-Length', body.length);
    response.end(body);
  });
  const { agent } = await world.tlsAgent();
  const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: api.test:${world.upstream.httpsPort}\r\n\r\n`);
  expect(answer.text).toBe(`<p>Bearer ${'*'.repeat(SECRET.length)}</p>`);
  expectClean(agent, answer);
  await answered(
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Echo: ${SECRET}\r\n\r\n`,
    (raw, trailing) => {
      expect(trailing.trailers?.get('x-echo')).toBe('*'.repeat(SECRET.length));
      expectClean(raw, trailing);
    },
  );
});

test('A-01 a body that ends with its connection, the credential being its last bytes', async () => {
  const raw = await startRawUpstream((socket) => {
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n\r\nlast: ${SECRET}`));
  });
  world.client.setRoutes([route({ ports: [raw.port] })]);
  const agent = await world.agent();
  const answer = await agent.exchange(
    `GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`,
  );
  expect(answer.text).toBe(`last: ${'*'.repeat(SECRET.length)}`);
  expectClean(agent, answer);
  await raw.close();
});

test.each(renderings(SECRET).map(([name]) => name))('A-02 the echo encoded: %s', async (name) => {
  const text = renderings(SECRET).find(([known]) => known === name)?.[1] ?? '';
  const body = `{"before":"x","echo":"${text}","after":"y"}`;
  await answered(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`, (agent, answer) => {
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(body.length);
    expect(answer.text.startsWith('{"before":"x"')).toBe(true);
    expectClean(agent, answer);
  });
});

test.each([
  ['gzip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ['gzip, br', (bytes: Buffer) => zlib.brotliCompressSync(zlib.gzipSync(bytes))],
  ['zstd', zstdFrame],
] as const)('A-02 the echo compressed although identity was asked for: %s', async (encoding, compress) => {
  world.upstream.handle(async (request, response) => {
    const { headers } = await world.upstream.note(request);
    response.setHeader('Content-Encoding', encoding);
    response.end(compress(Buffer.from(`before ${headers.authorization} after`)));
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/', ['Accept-Encoding: gzip, br, zstd']));
  expect(world.upstream.seen[0]?.headers['accept-encoding']).toBe('identity');
  expect(answer.headers.has('content-encoding')).toBe(false);
  expect(answer.text).toBe(`before Bearer ${'*'.repeat(SECRET.length)} after`);
  expectClean(agent, answer);
});

test('A-58 fields that speak of the compressed bytes do not come with the others', async () => {
  world.upstream.handle((request, response) => {
    request.resume();
    response.writeHead(200, {
      'Content-Encoding': 'gzip',
      'Content-Digest': 'sha-256=:AAAA:',
      'Repr-Digest': 'sha-256=:AAAA:',
      Digest: 'SHA-256=AAAA',
      'Content-MD5': 'AAAA',
      ETag: '"of-gzip"',
      'X-Kept': 'yes',
    });
    response.end(zlib.gzipSync('plain'));
  });
  const agent = await world.agent();
  const { headers, text } = await agent.exchange(world.request('GET', '/'));
  expect(text).toBe('plain');
  expect(headers.get('x-kept')).toBe('yes');
  for (const name of ['content-digest', 'repr-digest', 'digest', 'content-md5', 'etag'] as const) {
    expect(headers.has(name), name).toBe(false);
  }
});

test.each(['IBM037', 'cp1047', 'x-IBM1140', 'ebcdic-cp-us', '"utf-7"', 'utf-8; charset=IBM500'])(
  'A-02 text in %s, in which no letter is what it is in ASCII, is refused whole',
  async (charset) => {
    await answered(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=${charset}\r\nContent-Length: 3\r\n\r\n\xa2\x92\x60`,
      (_agent, answer) => {
        expect(answer.status).toBe(502);
        expect(JSON.parse(answer.text).code).toBe('response-undecodable');
      },
    );
  },
);

test('A-02 a coding that cannot be read is refused whole', async () => {
  await answered(
    `HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`,
    (agent, answer) => {
      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.text).code).toBe('response-undecodable');
      expectClean(agent, answer);
    },
  );
});

test('A-03 the echo in header values, header names, the reason phrase and interim answers', async () => {
  const basic = Buffer.from(`user:${SECRET}`).toString('base64');
  await answered(
    [
      `HTTP/1.1 103 Early Hints\r\nLink: </${encodeURIComponent(SECRET)}>\r\n\r\n`,
      `HTTP/1.1 401 no ${SECRET}\r\n`,
      `Location: https://evil.test/?t=${encodeURIComponent(SECRET)}\r\n`,
      `Set-Cookie: token=${SECRET}; Path=/\r\n`,
      `Set-Cookie: basic=${basic}\r\n`,
      `WWW-Authenticate: Bearer realm="${SECRET}"\r\n`,
      `Authentication-Info: ${SECRET}\r\n`,
      'Proxy-Authenticate: Basic realm="phish"\r\n',
      `Refresh: 0; url=/${SECRET}\r\n`,
      'Content-Length: 2\r\n\r\nno',
    ].join(''),
    (agent, answer) => {
      expect(answer.status).toBe(401);
      expectClean(agent, answer);
      expect(agent.received.includes(basic.slice(6, -4))).toBe(false);
      for (const name of ['www-authenticate', 'authentication-info', 'proxy-authenticate'] as const) {
        expect(answer.headers.has(name)).toBe(false);
      }
      expect(answer.headers.get('location')).toContain('https://evil.test/?t=*');
    },
  );
});

test('A-58 what follows a scrubbed answer is still framed, and no answer is served twice', async () => {
  let calls = 0;
  world.upstream.handle(async (request, response) => {
    const { headers } = await world.upstream.note(request);
    calls += 1;
    response.setHeader('Cache-Control', 'public, max-age=3600');
    response.setHeader('ETag', '"same"');
    response.end(`${headers.authorization} ${calls}`);
  });
  const agent = await world.agent();
  agent.send(world.request('GET', '/same') + world.request('GET', '/same'));
  const [first, second] = [await agent.answer(), await agent.answer()];
  const masked = `Bearer ${'*'.repeat(SECRET.length)}`;
  expect([first.text, second.text]).toEqual([`${masked} 1`, `${masked} 2`]);
  expect(Number(first.headers.get('content-length'))).toBe(first.body.length);
});

test('A-58 what follows an answer whose length changed by decoding is still framed', async () => {
  world.upstream.handle(async (request, response) => {
    const { headers } = await world.upstream.note(request);
    const packed = zlib.gzipSync(
      `${headers.authorization} HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`.repeat(50),
    );
    response.setHeader('Content-Encoding', 'gzip');
    response.setHeader('Content-Length', packed.length);
    response.end(packed);
  });
  const agent = await world.agent();
  agent.send(world.request('GET', '/one') + world.request('GET', '/two'));
  const [first, second] = [await agent.answer(), await agent.answer()];
  expect(second.text).toBe(first.text);
  expect(first.text.match(/Bearer \*+ HTTP/g)).toHaveLength(50);
  expect(first.headers.has('content-length')).toBe(false);
  expectClean(agent, first);
});
