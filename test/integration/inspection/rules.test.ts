import { gzipSync } from 'node:zlib';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { grpcClient, startGrpcEcho } from '../../support/upstreams/grpc-echo.ts';
import { ask } from '../../support/agents/http2-agent.ts';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { http2Session } from '../../support/agents/proxied-agent.ts';
import { HOSTS } from '../../support/worlds/proxy-world.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

const INSPECT_BYTES = 2_000;
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'], inspectBytes: INSPECT_BYTES } },
  AccessPolicy: {
    rules: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [
        { paths: ['/graphql'], graphql: { types: ['query'], rootFields: ['viewer'] } },
        { paths: ['/issues'], when: 'request.json.title == "bug"' },
        { paths: ['/charges'], when: 'request.form.currency == "eur"' },
        { paths: ['/upload'], maxBodyBytes: 100, contentTypes: ['text/plain'] },
        { paths: ['/raw'] },
        { grpc: { services: ['echo.Echo'], methods: ['Unary'] } },
      ],
    },
  },
});
const JSON_TYPE = 'application/json';
const FORM = 'application/x-www-form-urlencoded';
const ISSUE = '{"title":"bug"}';

describe.each(['http/1.1', 'h2'] as const)('rules that read bodies, over %s', (alpn) => {
  let world: InspectingWorld;
  let send: typeof fetch;
  beforeAll(async () => {
    world = await startInspectingWorld(POLICY);
    send = world.fetcher(alpn);
  }, 60_000);
  beforeEach(() => world.upstream.seen.splice(0));
  afterAll(() => world.close());

  const post = (path: string, type: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    send(`${world.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: Buffer.from(body),
    });

  test.each([
    ['a query', '/graphql', JSON_TYPE, '{"query":"{ me: viewer { name } }"}'],
    ['JSON', '/issues', JSON_TYPE, ISSUE],
    ['a form', '/charges', FORM, 'currency=eur&amount=1'],
    ['a short text', '/upload', 'text/plain', 'x'.repeat(100)],
    ['what no rule has to read, of any length', '/raw', JSON_TYPE, 'x'.repeat(3_000_000)],
  ])(
    'allows %s',
    async (_title, path, type, body) => {
      expect((await post(path, type, body)).status).toBe(200);
      expect(world.upstream.seen.map((seen) => seen.body.equals(Buffer.from(body)))).toEqual([true]);
    },
    60_000,
  );

  test.each([
    ['a mutation', '/graphql', JSON_TYPE, '{"query":"mutation { viewer }"}', {}],
    ['another field behind an alias', '/graphql', JSON_TYPE, '{"query":"{ viewer: secrets }"}', {}],
    ['another value', '/issues', JSON_TYPE, '{"title":"feature"}', {}],
    ['another form field', '/charges', FORM, 'currency=usd', {}],
    ['a long text', '/upload', 'text/plain', 'x'.repeat(101), {}],
    ['another type', '/upload', JSON_TYPE, 'x', {}],
  ])(
    'denies %s',
    async (_title, path, type, body, headers) => {
      const answer = await post(path, type, body, headers);
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ code: 'rule-denied' });
      expect(world.upstream.seen).toEqual([]);
    },
    60_000,
  );

  test.each([
    ['A-24 longer than is read', JSON_TYPE, `{"pad":"${'x'.repeat(INSPECT_BYTES)}","title":"bug"}`, {}],
    ['A-24 compressed', JSON_TYPE, gzipSync(ISSUE), { 'content-encoding': 'gzip' }],
    ['A-24 multipart', 'multipart/form-data; boundary=b', '--b\r\n\r\nx\r\n--b--\r\n', {}],
    ['A-25 in another charset', `${JSON_TYPE}; charset=utf-16le`, Buffer.from(ISSUE, 'utf16le'), {}],
    ['A-25 with a doubled key', JSON_TYPE, '{"title":"bug","title":"feature"}', {}],
    ['A-25 cut off', JSON_TYPE, '{"title":"bug"', {}],
  ])(
    'cannot read what is %s',
    async (_title, type, body, headers) => {
      const answer = await post('/issues', type, body, headers);
      expect(answer.status).toBe(403);
      const problem = await answer.json();
      expect(problem).toMatchObject({ code: 'body-uninspectable' });
      // It says what is wrong with the body, and not what the expression missed.
      expect(problem).not.toMatchObject({ detail: expect.stringMatching(/No such key|^[^:]*$/) });
      expect(world.upstream.seen).toEqual([]);
    },
    60_000,
  );
});

test('a body in frames of one byte is read whole and forwarded whole', async () => {
  const world = await startInspectingWorld(POLICY);
  const { proxy, upstream } = world;
  const session = await http2Session(
    { port: proxy.address.port, caPem: proxy.caPem ?? '' },
    'api.test',
    upstream.httpsPort,
  );
  const pieces = (text: string): Buffer[] => [...text].map((character) => Buffer.from(character));
  const head = { ':method': 'POST', ':path': '/issues', 'content-type': JSON_TYPE };
  expect((await ask(session, head, pieces(ISSUE))).status).toBe(200);
  expect((await ask(session, head, pieces('{"title":"else"}'))).status).toBe(403);
  expect(upstream.seen.map(({ body }) => body.toString())).toEqual([ISSUE]);
  session.destroy();
  await world.close();
}, 60_000);

test('Expect: 100-continue is answered for a body that is held, and not for one that is too long by its head', async () => {
  const world = await startInspectingWorld(POLICY);
  const head = (length: number): string =>
    world.request('POST', '/issues', [
      `Content-Type: ${JSON_TYPE}`,
      `Content-Length: ${length}`,
      'Expect: 100-continue',
    ]);
  const agent = await world.agent();
  agent.send(head(ISSUE.length));
  await agent.until((text) => text.includes(' 100 '));
  agent.send(ISSUE);
  expect(await agent.answer('POST')).toMatchObject({ status: 200, informational: [{ status: 100 }] });
  expect(world.upstream.seen[0]?.headers.expect).toBeUndefined();
  const other = await world.agent();
  expect(await other.exchange(head(INSPECT_BYTES + 1))).toMatchObject({ status: 403, informational: [] });
  await world.close();
}, 60_000);

test('gRPC by service and method', async () => {
  const server = await startGrpcEcho(HOSTS);
  const tls = { mode: TlsMode.TLS_MODE_UNSPECIFIED, caPem: server.caPem, serverName: '' };
  const world = await startInspectingWorld(POLICY, { hosts: ['localhost'], ports: [server.port], tls });
  process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
  const client = grpcClient(`localhost:${server.port}`, world.proxy.caPem ?? '');
  const call = (name: 'unary' | 'collect'): Promise<string> =>
    new Promise((resolve) => {
      const done = (error: ServiceError | null): void => resolve(error?.details ?? 'ok');
      if (name === 'unary') client['unary']?.(Buffer.from('x'), new Metadata(), {}, done);
      else client['collect']?.(new Metadata(), {}, done).end();
    });
  expect(await call('unary')).toBe('ok');
  expect(await call('collect')).toContain('rule-denied');
  expect(world.decisions()).toEqual(['ok grpc:echo.Echo/Unary', 'rule-denied grpc:echo.Echo/Collect']);
  client.close();
  delete process.env['grpc_proxy'];
  server.close();
  await world.close();
}, 60_000);
