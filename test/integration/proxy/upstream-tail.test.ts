import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import type { ResponseListener } from '../../../proxy/http/streams.ts';
import type { DialTarget } from '../../../proxy/http/request/dial-target.ts';
import { dial, type ReadSink, TrustedContexts } from '../../../proxy/io/upstream/dial.ts';
import { UpstreamConnection } from '../../../proxy/io/upstream/upstream-connection.ts';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';
import { HeaderList } from '../../../proxy/protocols/header-list.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';

// An upstream that switches protocols, says all it has and leaves, while the agent is slow.
const RECORDS = 30;
const RECORD_BYTES = 2_000;
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';

const identity = makeTlsIdentity(['localhost']);
let server: tls.Server;

beforeAll(async () => {
  server = tls.createServer(identity, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(SWITCH);
      for (let at = 0; at < RECORDS; at += 1) socket.write(Buffer.alloc(RECORD_BYTES, 97 + (at % 26)));
      socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());

async function connect(): Promise<{ connection: UpstreamConnection; sink: ReadSink }> {
  const { port } = server.address() as AddressInfo;
  const target: DialTarget = {
    key: 'tail',
    host: 'localhost',
    port,
    tls: true,
    versions: ['http/1.1'],
    serverName: undefined,
    caPem: '',
    allowedAddresses: [],
  };
  const tlsWith = {
    context: new TrustedContexts(identity.caPem).for(''),
    sessions: new BoundedCache<string, Buffer>(1),
  };
  const sink: ReadSink = { take: () => {} };
  const { socket } = await dial(target, [{ address: '127.0.0.1' }], tlsWith, DEFAULT_LIMITS, sink);
  const owner = { now: () => 0, closed: () => {}, released: () => {} };
  const origin = { key: 'tail', address: '127.0.0.1', openedAt: 0, showsCertificate: false };
  return { connection: new UpstreamConnection(socket, origin, DEFAULT_LIMITS, owner), sink };
}

test('over TLS the agent still gets all of it', async () => {
  const { connection, sink } = await connect();
  sink.take = (bytes) => connection.receive(bytes);
  let got = 0;
  await new Promise<void>((resolve, reject) => {
    const nothing = (): void => {};
    const listener: ResponseListener = {
      onInformational: nothing,
      onResponseHead: () => connection.upgrade(),
      onResponseBody: (bytes) => {
        got += bytes.length;
        connection.pause();
        setTimeout(() => connection.resume(), 5);
      },
      onResponseEnd: () => resolve(),
      onUpstreamDrain: nothing,
      onReadDone: nothing,
      onUpstreamError: reject,
    };
    const headers = new HeaderList();
    const request = { method: 'GET', scheme: 'https', authority: 'localhost', target: '/', headers } as const;
    const rest = { length: 'none', acceptsTrailers: false, sensitive: new Set<string>() } as const;
    connection.sendHead({ ...request, ...rest, webSocketKey: 'x' }, listener);
    connection.flush();
  });
  expect(got).toBe(RECORDS * RECORD_BYTES);
  connection.destroy();
});
