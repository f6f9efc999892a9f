import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Http2Connection } from '../../../proxy/sessions/http2/connection.ts';
import type { Http2Limits } from '../../../proxy/sessions/http2/limits.ts';
import {
  EXCHANGES,
  digest,
  type Echoed,
  expectedEcho,
  fieldsOf,
  makeMessage,
  type Message,
} from '../../support/protocols/http2-exchange.ts';
import { driveBySocket, echo } from '../../support/protocols/http2-socket.ts';
import { seededRandom } from '../../support/random.ts';

/** Our server against Node's client, which nghttp2 speaks for. */

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function meet(options: Partial<Http2Limits>, settings: http2.Settings) {
  const connections: Http2Connection[] = [];
  const server = net.createServer((socket) => {
    const connection = new Http2Connection('server', options);
    connections.push(connection);
    open.push({ close: () => socket.destroy() });
    driveBySocket(socket, connection, echo());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { settings });
  session.on('error', () => {});
  open.push({ close: () => session.destroy() }, server);
  await once(session, 'remoteSettings');
  return { session, connection: connections[0]! };
}

async function exchange(session: http2.ClientHttp2Session, message: Message): Promise<Echoed> {
  const request = session.request(
    { ':method': 'POST', ':path': message.path, ...Object.fromEntries(message.fields) },
    { waitForTrailers: true },
  );
  request.on('wantTrailers', () => request.sendTrailers(Object.fromEntries(message.trailers)));
  const head = once(request, 'response');
  let trailers: [string, string][] = [];
  request.on('trailers', (fields: Record<string, unknown>) => void (trailers = fieldsOf(fields)));
  for (const chunk of message.chunks) request.write(chunk);
  request.end();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const [headers] = (await head) as [Record<string, unknown>];
  return { line: String(headers['x-line']), fields: fieldsOf(headers), body: digest(chunks), trailers };
}

describe('our server against node:http2', () => {
  it.each(EXCHANGES)(
    'exchanges many messages with %s',
    { timeout: 120_000 },
    async (...[, options, settings, width, rounds, maxBytes]) => {
      const seed = Math.floor(Math.random() * 1e9);
      const random = seededRandom(seed);
      const { session, connection } = await meet(options, settings);
      for (let round = 0; round < rounds; round += 1) {
        const messages = Array.from({ length: width }, () => makeMessage(random, maxBytes));
        const echoed = await Promise.all(messages.map((message) => exchange(session, message)));
        expect(echoed, `seed ${seed}`).toEqual(messages.map(expectedEcho));
      }
      expect(connection.openStreams).toBe(0);
      expect(connection.bufferedBytes).toBe(0);
    },
  );

  it('bears clients that reset in the middle, and goes on', { timeout: 60_000 }, async () => {
    const { session, connection } = await meet({}, {});
    for (let round = 0; round < 50; round += 1) {
      const request = session.request({ ':method': 'POST', ':path': '/' });
      request.on('error', () => {});
      request.write(Buffer.alloc(50_000));
      if (round % 2 === 0) await once(request, 'response');
      request.close(http2.constants.NGHTTP2_CANCEL);
      await once(request, 'close');
    }
    const message = makeMessage(seededRandom(1), 3_000_000);
    expect(await exchange(session, message)).toEqual(expectedEcho(message));
    expect(connection.openStreams).toBe(0);
  });

  it('answers pings, and tells of its shutdown', { timeout: 60_000 }, async () => {
    const { session, connection } = await meet({}, {});
    await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
    const goaway = once(session, 'goaway');
    connection.shutdown();
    session.ping(() => {});
    expect((await goaway)[0]).toBe(0);
  });
});
