import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import { serveParent } from '../child.ts';
import { AUTHORIZATION } from '../credential.ts';

/** What one would write in an afternoon for HTTP/2: node:http2 on both sides, the header set, one upstream session. */
interface Config {
  readonly tls: { key: string; cert: string };
  readonly upstreamCaPem: string;
}

serveParent<Config>(async (config) => {
  const sessions = new Map<string, http2.ClientHttp2Session>();
  const sessionFor = (origin: string): http2.ClientHttp2Session => {
    let session = sessions.get(origin);
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(origin, { ca: config.upstreamCaPem });
      session.on('error', () => sessions.delete(origin));
      sessions.set(origin, session);
    }
    return session;
  };
  const intercepted = http2.createSecureServer(config.tls);
  intercepted.on('stream', (stream, headers) => {
    const upstream = sessionFor(`https://${headers[':authority']}`).request(
      { ...headers, authorization: AUTHORIZATION },
      { endStream: headers[':method'] === 'GET' },
    );
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('error', () => upstream.destroy());
    upstream.on('error', () => stream.destroy());
    upstream.on('response', (answer) => {
      stream.respond(answer, { waitForTrailers: true });
      upstream.pipe(stream);
    });
    upstream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    if (headers[':method'] !== 'GET') stream.pipe(upstream);
  });
  const server = http.createServer();
  server.on('connect', (_request: http.IncomingMessage, socket: net.Socket) => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    intercepted.emit('connection', socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { proxy: (server.address() as net.AddressInfo).port };
});
