import http from 'node:http';
import type http2 from 'node:http2';
import type { Socket } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { WebSocket } from 'ws';
import { connectTunnel, http2Session, type ProxyPlace, tunnel } from '../support/agents/proxied-agent.ts';
import { socks5 } from '../support/agents/socks5-agent.ts';
import type { SoakUpstreams } from './upstreams.ts';

/** Where an agent of a soak calls, and through what. */
export interface CallPlace {
  readonly proxy: ProxyPlace;
  /** Of a local listener for the HTTP/2 upstream that behaves. */
  readonly localPort: number;
  readonly upstreams: SoakUpstreams;
}

export interface Answered {
  readonly status: number;
  readonly bytes: number;
}

/** Sends one request and reads its answer; rejects when it breaks off. */
export type Send = (method: string, path: string, body?: Buffer) => Promise<Answered>;

export interface Connection {
  readonly send: Send;
  close(): void;
}

/** Ways that make requests of any method with any body. */
export const REQUESTS = {
  http1: async ({ proxy, upstreams }) => {
    const authority = `localhost:${upstreams.http1.port}`;
    const target = { host: '127.0.0.1', port: proxy.port, headers: { host: authority } };
    return overHttp1(target, `http://${authority}`);
  },
  tls1: async ({ proxy, upstreams }) => {
    const { port } = upstreams.http2;
    return overSocket(await tunnel(proxy, 'localhost', port, 'http/1.1'), `localhost:${port}`);
  },
  http2: async ({ proxy, upstreams }) => {
    const session = await http2Session(proxy, 'localhost', upstreams.http2.port);
    const send: Send = (method, path, body) => overHttp2(session, method, path, body);
    return { send, close: () => session.destroy() };
  },
  socks5: async ({ proxy, upstreams }) => {
    const { port } = upstreams.http1;
    return overSocket(await socks5(proxy.port, 'localhost', port), `localhost:${port}`);
  },
  local: async ({ localPort }) =>
    overHttp1({ host: '127.0.0.1', port: localPort, headers: { host: `localhost:${localPort}` } }),
  chained: async ({ proxy, upstreams }) => {
    const authority = `localhost:${upstreams.chained.port}`;
    return overHttp1({ host: '127.0.0.1', port: proxy.port, headers: { host: authority } }, `http://${authority}`);
  },
} satisfies Record<string, (place: CallPlace) => Promise<Connection>>;

/** Ways whose protocol says what a request is: their methods are not asked for. */
export const PROTOCOLS = {
  /** The upstream streams where the path ends in the name of this way. */
  events: REQUESTS.http2,
  webSocket: async ({ proxy, upstreams }) => {
    const { port } = upstreams.http1;
    let socket: Socket | undefined;
    const send: Send = async (_, path, body) => {
      socket = await connectTunnel(proxy, 'localhost', port);
      return overWebSocket(socket, port, path, body);
    };
    return { send, close: () => socket?.destroy() };
  },
  grpc: async ({ proxy, upstreams }) => {
    process.env['grpc_proxy'] = `http://127.0.0.1:${proxy.port}`;
    const trust = credentials.createSsl(Buffer.from(proxy.caPem));
    const client = new Client(`localhost:${upstreams.http2.port}`, trust, { 'grpc.use_local_subchannel_pool': 1 });
    return { send: (_, path, body) => overGrpc(client, path, body), close: () => client.close() };
  },
} satisfies Record<string, (place: CallPlace) => Promise<Connection>>;

function overHttp1(target: http.RequestOptions, prefix = ''): Connection {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const send: Send = (method, path, body) => exchange({ ...target, agent, method, path: prefix + path }, body);
  return { send, close: () => agent.destroy() };
}

function overSocket(socket: Socket, host: string): Connection {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  const send: Send = async (method, path, body) => {
    if (socket.destroyed || !socket.writable) throw new Error('the connection is closed');
    return exchange({ agent, headers: { host }, method, path }, body);
  };
  return { send, close: () => socket.destroy() };
}

function exchange(options: http.RequestOptions, body: Buffer | undefined): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function overHttp2(
  session: http2.ClientHttp2Session,
  method: string,
  path: string,
  body: Buffer | undefined,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path }, { endStream: body === undefined });
    let status = 0;
    let bytes = 0;
    stream.on('response', (head) => (status = head[':status'] ?? 0));
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('end', () => resolve({ status, bytes }));
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`the stream was closed with ${stream.rstCode}`)));
    if (body !== undefined) stream.end(body);
  });
}

/** Sends the body as a message, which comes back, and counts what the upstream says beside it. */
function overWebSocket(
  socket: Socket,
  port: number,
  path: string,
  body: Buffer = Buffer.from('hello'),
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const client = new WebSocket(`ws://localhost:${port}${path}`, { createConnection: () => socket });
    let bytes = -body.length;
    client.on('open', () => client.send(body));
    client.on('message', (message: Buffer) => {
      bytes += message.length;
      if (message.equals(body)) client.close(1000);
    });
    client.on('error', reject);
    client.on('unexpected-response', (_, { statusCode = 0 }) => {
      socket.destroy();
      resolve({ status: statusCode, bytes: 0 });
    });
    client.on('close', (code) => {
      socket.destroy();
      if (code === 1000) resolve({ status: 200, bytes });
      else reject(new Error(`the WebSocket was closed with ${code}`));
    });
  });
}

function overGrpc(client: Client, path: string, body: Buffer = Buffer.from('hello')): Promise<Answered> {
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, body, (error, answer) => {
      if (error === null) resolve({ status: 200, bytes: answer?.length ?? 0 });
      else reject(error);
    });
  });
}
