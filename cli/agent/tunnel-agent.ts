import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';

type Connected = (error: Error | null, socket?: Duplex) => void;

/** Where an agent of `node:http` or `node:https` connects to; the rest goes on to TLS. */
interface ConnectOptions extends tls.ConnectionOptions {
  readonly host?: string;
  readonly port?: number;
  /** A unix socket, which no proxy stands before. */
  readonly socketPath?: string;
}

/** An agent for `http.request` and `https.request` whose every connection is a tunnel through the proxy (RFC 9110 9.3.6). */
export function createTunnelAgents(proxyUrl: string): { http: http.Agent; https: https.Agent } {
  const proxy = new URL(proxyUrl);
  const forHttp = new http.Agent({ keepAlive: true });
  const forHttps = new https.Agent({ keepAlive: true });
  Object.assign(forHttp, {
    createConnection: (options: ConnectOptions, connected: Connected) => connect(proxy, options, connected),
  });
  Object.assign(forHttps, {
    createConnection: (options: ConnectOptions, connected: Connected) =>
      connect(proxy, options, (error, socket) => {
        if (socket === undefined) connected(error);
        else connected(null, tls.connect({ ...options, socket: socket as net.Socket }));
      }),
  });
  return { http: forHttp, https: forHttps };
}

function connect(proxy: URL, options: ConnectOptions, connected: Connected): undefined {
  if (options.socketPath) {
    connected(null, net.connect(options.socketPath));
    return;
  }
  const { host = 'localhost', port = 80 } = options;
  // URLs have brackets around IPv6 addresses, connections have not.
  const at = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port || 80) };
  // Libraries that know of the proxy themselves call it by its own address.
  if (host === at.host && Number(port) === at.port) {
    connected(null, net.connect(at));
    return;
  }
  const authority = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
  const user = proxy.username === '' ? undefined : `${unescape(proxy.username)}:${unescape(proxy.password)}`;
  http
    .request({
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        ...(user === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` }),
      },
      createConnection: () => net.connect(at),
    })
    .on('connect', (answer, socket, early) => {
      if (answer.statusCode === 200 && early.length === 0) return connected(null, socket);
      socket.destroy();
      connected(new Error(`the proxy refused a tunnel to ${authority}: status ${answer.statusCode ?? 0}`));
    })
    .on('error', (error) => connected(error))
    .end();
}

function unescape(text: string): string {
  return decodeURIComponent(text);
}
