import zlib from 'node:zlib';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { grpcClient } from '../../support/upstreams/grpc-echo.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { grant, HOSTS, type ProxyWorld, routeTo, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';

/** Servers such as grpc-go answer with the coding of the request, whatever the client says that it takes. */
const MASKED = `Bearer ${'*'.repeat(SECRET.length)}`;
const CODINGS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  snappy: (bytes) => bytes,
};

let world: ProxyWorld;
let server: Http2UpstreamServer;
let client: ReturnType<typeof grpcClient>;
let coding: string;

beforeEach(async () => {
  server = await startHttp2Upstream(HOSTS, (stream, headers) => {
    const told = CODINGS[coding]?.(Buffer.from(`${headers.authorization ?? 'nothing'}`)) ?? Buffer.alloc(0);
    const prefix = Buffer.from([1, 0, 0, 0, 0]);
    prefix.writeUInt32BE(told.length, 1);
    const head = { ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-encoding': coding };
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume();
    stream.end(Buffer.concat([prefix, told]));
  });
  const { port, caPem } = server;
  world = await startProxyWorld({
    routes: () => [routeTo({ port, caPem })],
  });
  process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
  client = grpcClient(`localhost:${port}`, world.proxy.caPem ?? '');
});
afterEach(async () => {
  client.close();
  delete process.env['grpc_proxy'];
  await world.close();
  await server.close();
});

function call(): Promise<string> {
  return new Promise((resolve, reject) => {
    client['unary']?.(Buffer.from('tell'), new Metadata(), {}, (error: ServiceError | null, value?: Buffer) =>
      error === null ? resolve(String(value)) : reject(error),
    );
  });
}

test.each(['gzip', 'deflate'])('A-02 an echo in a message compressed with %s, unasked, is scrubbed', async (name) => {
  coding = name;
  expect(await call()).toBe(MASKED);
  expect(server.seen[0]?.['grpc-accept-encoding']).toBeUndefined();
});

test('A-02 a message in a coding that cannot be read is refused', async () => {
  coding = 'snappy';
  const refused = await call().catch((error: ServiceError) => error);
  expect(refused).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringMatching(/^response-undecodable/) });
});

test('a call that gets no credential keeps its compression', async () => {
  coding = 'gzip';
  world.client.decide = (question) => grant(question, undefined);
  expect(await call()).toBe('nothing');
  expect(server.seen[0]?.['grpc-accept-encoding']).toBe('identity,deflate,gzip');
});
