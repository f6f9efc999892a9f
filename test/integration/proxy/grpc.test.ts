import { randomBytes } from 'node:crypto';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GrpcEcho, grpcClient, startGrpcEcho } from '../../support/upstreams/grpc-echo.ts';
import {
  bearer,
  denial,
  grant,
  HOSTS,
  type ProxyWorld,
  routeTo,
  SECRET,
  startProxyWorld,
} from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
let server: GrpcEcho;
let client: ReturnType<typeof grpcClient>;
let allow: ProxyWorld['client']['decide'];

beforeAll(async () => {
  server = await startGrpcEcho(HOSTS);
  world = await startProxyWorld({
    routes: () => [routeTo(server)],
  });
  allow = world.client.decide;
  process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
  client = grpcClient(`localhost:${server.port}`, world.proxy.caPem ?? '');
});
afterEach(() => {
  world.client.decide = allow;
});
afterAll(async () => {
  client.close();
  delete process.env['grpc_proxy'];
  server.close();
  await world.close();
});

interface Answer {
  readonly error: ServiceError | null;
  readonly value: string | undefined;
  readonly trailers: Metadata;
}

/** One unary call, however it ends. */
function unary(request: string | Buffer, options: { deadline?: number } = {}): Promise<Answer> {
  return new Promise((resolve) => {
    let result: Omit<Answer, 'trailers'> | undefined;
    const call = client['unary']?.(
      Buffer.from(request),
      new Metadata(),
      options,
      (error: ServiceError | null, value?: Buffer) => {
        result = { error, value: value?.toString('latin1') };
      },
    );
    call.on('status', ({ metadata }: { metadata: Metadata }) => {
      setImmediate(() => resolve({ error: null, value: undefined, ...result, trailers: metadata }));
    });
  });
}

/** How a call ended, for the kinds whose answer is a stream. */
function end(
  call: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>,
): Promise<ServiceError | undefined> {
  return new Promise((resolve) => {
    call.on('error', resolve);
    call.on('end', () => resolve(undefined));
  });
}

test('a unary call gets its credential as metadata, and its trailers back, scrubbed', async () => {
  const { error, value, trailers } = await unary('hello');
  expect([error, value]).toEqual([null, 'hello']);
  expect(server.seen.at(-1)?.get('authorization')).toEqual([`Bearer ${SECRET}`]);
  expect(trailers.get('x-end')).toEqual([`Bearer ${'*'.repeat(SECRET.length)}`]);
});

test('A-01 an echo in a message is scrubbed, and stays a message', async () => {
  expect((await unary('echo')).value).toBe(`Bearer ${'*'.repeat(SECRET.length)}`);
});

test('a message of 3 MB goes both ways', async () => {
  const large = randomBytes(3_000_000);
  expect((await unary(large)).value).toBe(large.toString('latin1'));
});

test('a stream of requests', async () => {
  const collected = await new Promise((resolve, reject) => {
    const call: ClientWritableStream<Buffer> = client['collect']?.((error: ServiceError | null, value?: Buffer) =>
      error === null ? resolve(value?.toString()) : reject(error),
    );
    for (const part of ['a', 'b', 'c']) call.write(Buffer.from(part));
    call.end();
  });
  expect(collected).toBe('abc');
});

test('a stream of answers', async () => {
  const call: ClientReadableStream<Buffer> = client['count']?.(Buffer.from('20'));
  const got: string[] = [];
  call.on('data', (chunk: Buffer) => got.push(chunk.toString()));
  expect(await end(call)).toBeUndefined();
  expect(got).toEqual(Array.from({ length: 20 }, (_, at) => String(at)));
});

test('no message waits for the next one, whatever byte ends it', async () => {
  const call: ClientDuplexStream<Buffer, Buffer> = client['chat']?.();
  const ended = end(call);
  const lasts = Array.from({ length: 256 }, (_, byte) => Buffer.from([0x3a, byte]));
  for (const request of [...lasts, Buffer.from(`x${SECRET.slice(0, 7)}`), Buffer.from('\\u00'), Buffer.alloc(0)]) {
    const answer = new Promise((resolve) => call.once('data', resolve));
    call.write(request);
    expect(await answer).toEqual(Buffer.concat([Buffer.from('re: '), request]));
  }
  call.end();
  expect(await ended).toBeUndefined();
}, 60_000);

test('both at once: each answer comes before the next request is sent', async () => {
  const call: ClientDuplexStream<Buffer, Buffer> = client['chat']?.();
  const ended = end(call);
  for (const turn of ['one', 'two', 'three']) {
    const answer = new Promise<Buffer>((resolve) => call.once('data', resolve));
    call.write(Buffer.from(turn));
    expect((await answer).toString()).toBe(`re: ${turn}`);
  }
  call.end();
  expect(await ended).toBeUndefined();
});

test('a trailers-only answer keeps its status and its message', async () => {
  const { error } = await unary('fail');
  expect([error?.code, error?.details]).toEqual([status.FAILED_PRECONDITION, 'not now: 50%']);
});

test('a deadline reaches the server, and ends the call at the client', async () => {
  const { error } = await unary('hang', { deadline: Date.now() + 1_000 });
  expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
  expect(server.deadlines.at(-1)).toBeGreaterThan(0);
  expect(server.deadlines.at(-1)).toBeLessThanOrEqual(1_000);
});

test.each([
  ['rule-denied', status.PERMISSION_DENIED],
  ['no-policy', status.PERMISSION_DENIED],
  ['control-plane-unavailable', status.UNAVAILABLE],
] as const)('a denial as %s has its status and its reason', async (reason, code) => {
  world.client.decide = () => denial(reason, 'as the policy says');
  const before = server.seen.length;
  const { error } = await unary('hello');
  expect(error?.code).toBe(code);
  expect(error?.details).toMatch(new RegExp(`^${reason}: as the policy says \\(decision [0-9a-f]{32}\\)$`));
  expect(server.seen).toHaveLength(before);
});

test('each call of a connection is decided on its own, by its method', async () => {
  world.client.decide = (question) =>
    question.path === '/echo.Echo/Count' ? denial('rule-denied') : grant(question, bearer(SECRET));
  const denied: ClientReadableStream<Buffer> = client['count']?.(Buffer.from('3'));
  denied.on('data', () => {});
  expect((await end(denied))?.code).toBe(status.PERMISSION_DENIED);
  expect((await unary('still')).value).toBe('still');
});

test('cancelling reaches the server', async () => {
  const before = server.cancelled();
  const recorded = world.client.records.length;
  const call: ClientReadableStream<Buffer> = client['count']?.(Buffer.from('1000'));
  const ended = end(call);
  await new Promise((resolve) => call.once('data', resolve));
  call.cancel();
  expect((await ended)?.code).toBe(status.CANCELLED);
  await until('the server is told', () => server.cancelled() > before);
  await until('it is recorded', () => world.client.records.length > recorded);
  expect(world.client.records.slice(recorded)).toMatchObject([{ outcome: 3, reason: 63 }]);
});

test('a revocation cuts a stream that is running', async () => {
  const call: ClientDuplexStream<Buffer, Buffer> = client['chat']?.();
  const ended = end(call);
  const first = new Promise((resolve) => call.once('data', resolve));
  call.write(Buffer.from('hello'));
  await first;
  world.client.revoke({ id: '1', target: 2, name: 'agent-calls-api', at: undefined, lifted: false });
  const error = await ended;
  expect(error?.code).toBe(status.PERMISSION_DENIED);
  expect(error?.details).toMatch(/^policy-revoked: .* \(decision [0-9a-f]{32}\)$/);
  await until('the cut is recorded', () =>
    world.client.records.some(({ path, reason }) => path === '/echo.Echo/Chat' && reason === 11),
  );
  expect((await unary('after')).value).toBe('after');
});

test.each(['chat', 'count', 'unary'])(
  'a server that dies in the middle of %s is UNAVAILABLE, and why',
  async (kind) => {
    const dying = await startGrpcEcho(HOSTS);
    world.client.setRoutes([...world.client.routes(), routeTo(dying, '127.0.0.1')]);
    const own = grpcClient(`127.0.0.1:${dying.port}`, world.proxy.caPem ?? '');
    const before = world.client.records.length;
    try {
      const request = Buffer.from({ chat: 'hello', count: '1000', unary: 'hang' }[kind] ?? '');
      const failed = new Promise<ServiceError>((resolve) => {
        const call = kind === 'chat' ? own['chat']?.() : own[kind]?.(request, resolve);
        call.on('error', resolve);
        if (kind === 'chat') call.write(request);
        if (kind !== 'unary') call.once('data', () => dying.close());
      });
      if (kind === 'unary') await until('it was called', () => dying.seen.length > 0);
      if (kind === 'unary') dying.close();
      const { code, details } = await failed;
      expect([code, details]).toEqual([status.UNAVAILABLE, expect.stringMatching(/^upstream-closed: .*\(decision /)]);
      await until('it is recorded', () => world.client.records.length > before);
      expect(world.client.records.slice(before)).toMatchObject([{ outcome: 3, reason: 60 }]);
    } finally {
      own.close();
      dying.close();
    }
  },
);

test('a client without TLS reaches a TLS upstream through a local listener, by HTTP/2 with prior knowledge', async () => {
  const local = await startProxyWorld({
    routes: () => [routeTo(server)],
    listeners: () => ({
      local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'localhost', port: server.port } }],
    }),
  });
  const address = `127.0.0.1:${local.proxy.localAddresses[0]?.port}`;
  const insecure = grpcClient(address, '', { 'grpc.enable_http_proxy': 0 });
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      insecure['unary']?.(Buffer.from('hello'), (error: ServiceError | null, value: Buffer) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    expect(answer.toString()).toContain('hello');
    await until('the call is recorded', () => local.client.records.length > 0);
    expect(local.client.records[0]).toMatchObject({ destination: { scheme: 'https', host: 'localhost' }, reason: 1 });
  } finally {
    insecure.close();
    await local.close();
  }
});
