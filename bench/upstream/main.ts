import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { serveParent } from '../child.ts';
import type { Fault } from '../options.ts';
import { http1Server } from './http1.ts';
import { serveHttp2 } from './http2.ts';

/** The servers that agents mean: plain and TLS, each a second time for routes on which nothing is injected. */
interface Config {
  readonly tls: { key: string; cert: string };
  readonly fault?: Fault;
}

serveParent<Config>(async ({ tls: identity, fault }) => {
  const serveHttp1 = http1Server(fault);
  const secure = { ...identity, ALPNProtocols: ['http/1.1'] };
  return {
    plain: await listen(net.createServer({ noDelay: true }, serveHttp1)),
    'open-plain': await listen(net.createServer({ noDelay: true }, serveHttp1)),
    secure: await listen(tls.createServer(secure, serveHttp1)),
    'open-secure': await listen(tls.createServer(secure, serveHttp1)),
    h2: await listen(http2.createSecureServer(identity).on('stream', serveHttp2)),
  };
});

async function listen(server: net.Server): Promise<number> {
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve));
  return (server.address() as net.AddressInfo).port;
}
