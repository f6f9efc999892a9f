import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { callbackify } from 'node:util';

/** Node's own clients, through a proxy. */
export interface ProxyPlace {
  readonly port: number;
  readonly caPem: string;
}

/** CONNECT through the proxy to this host; what is said inside is the caller's. */
export async function connectTunnel(proxy: ProxyPlace, host: string, port: number): Promise<Socket> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const request = http.request({
      port: proxy.port,
      host: '127.0.0.1',
      method: 'CONNECT',
      path: `${host}:${port}`,
      headers: { host: `${host}:${port}` },
      agent: false,
    });
    request.on('connect', (response, connected) => {
      if (response.statusCode === 200) resolve(connected);
      else reject(new Error(`CONNECT: ${response.statusCode}`));
    });
    request.on('response', (response) => reject(new Error(`CONNECT: ${response.statusCode}`)));
    request.on('error', reject);
    request.end();
  });
  socket.on('error', () => {});
  return socket;
}

/** CONNECT and TLS through the proxy to this host. */
export async function tunnel(
  proxy: ProxyPlace,
  host: string,
  port: number,
  alpn: 'h2' | 'http/1.1',
): Promise<tls.TLSSocket> {
  const socket = await connectTunnel(proxy, host, port);
  const secured = tls.connect({ socket, servername: host, ca: proxy.caPem, ALPNProtocols: [alpn] });
  await new Promise<void>((resolve, reject) => {
    secured.once('secureConnect', resolve);
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('closed in the handshake')));
  });
  secured.on('error', () => {});
  return secured;
}

/** An https.Agent whose connections go through the proxy and trust its authority alone. */
export function connectAgent(proxy: ProxyPlace): https.Agent {
  const agent = new https.Agent({ keepAlive: true });
  agent.createConnection = ({ host, port }, callback = () => {}) => {
    callbackify(tunnel)(proxy, String(host), Number(port), 'http/1.1', callback);
    return undefined;
  };
  return agent;
}

/** An HTTP/2 session through the proxy. */
export async function http2Session(proxy: ProxyPlace, host: string, port: number): Promise<http2.ClientHttp2Session> {
  const secured = await tunnel(proxy, host, port, 'h2');
  const session = http2.connect(`https://${host}:${port}`, { createConnection: () => secured });
  session.on('error', () => {});
  return session;
}
