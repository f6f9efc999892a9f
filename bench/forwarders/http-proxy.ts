import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import httpProxy from 'http-proxy-3';
import { serveParent } from '../child.ts';
import { AUTHORIZATION } from '../credential.ts';

/** The package that a Node user would pick: http-proxy, in its maintained successor. */
interface Config {
  readonly tls: { key: string; cert: string };
  readonly upstreamCaPem: string;
}

serveParent<Config>(async (config) => {
  const plain = httpProxy.createProxyServer({ agent: new http.Agent({ keepAlive: true, maxSockets: 1024 }) });
  const secure = httpProxy.createProxyServer({
    agent: new https.Agent({ keepAlive: true, maxSockets: 1024, ca: config.upstreamCaPem }),
  });
  for (const proxy of [plain, secure]) {
    proxy.on('proxyReqWs', (request) => request.setHeader('authorization', AUTHORIZATION));
    proxy.on('proxyReq', (request) => request.setHeader('authorization', AUTHORIZATION));
    proxy.on('error', (_error, _request, response) => (response as http.ServerResponse).destroy());
  }
  const intercepted = https.createServer(config.tls, (request, response) => {
    secure.web(request, response, { target: `https://${request.headers.host}` });
  });
  intercepted.on('upgrade', (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    secure.ws(request, socket, head, { target: `https://${request.headers.host}` });
  });
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '');
    request.url = url.pathname + url.search;
    plain.web(request, response, { target: url.origin });
  });
  server.on('connect', (_request: http.IncomingMessage, socket: net.Socket) => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    intercepted.emit('connection', socket);
  });
  // Node closes idle connections after five seconds; the others here keep them.
  for (const one of [server, intercepted]) one.keepAliveTimeout = 300_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { proxy: (server.address() as net.AddressInfo).port };
});
