import net from 'node:net';
import tls from 'node:tls';
import type { AddressInfo } from 'node:net';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../common/x509/authority.ts';
import { createSigningKey } from '../../common/signing-key.ts';
import { toPem } from '../../common/x509/certificate.ts';
import type { ProxyLimits } from '../../proxy/limits.ts';
import { connectRaw, type RawAgent, secureRaw } from '../support/agents/raw-agent.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { FrameAgent } from './frame-agent.ts';

/** What an upstream of the suite does with each connection. */
export type Script = (socket: net.Socket) => void;

/** A server by hand, in cleartext or as HTTP/2 over TLS; the case at hand says what it does. */
interface RawServer {
  readonly port: number;
  script: Script;
  /** Everything that was received on all connections of this case, in order of arrival. */
  received: string;
  connections: number;
  readonly sockets: Set<net.Socket>;
  close(): Promise<void>;
}

/** A proxy between agents and upstreams that both speak byte for byte. */
export interface ConformanceWorld {
  readonly proxy: ProxyWorld;
  /** Cleartext; `plain.test` at its port injects nothing, `api.test` does. */
  readonly http1: RawServer;
  /** HTTP/1.1 over TLS. */
  readonly secure: RawServer;
  /** TLS with ALPN h2. */
  readonly http2: RawServer;
  agent(): Promise<RawAgent>;
  /** An HTTP/2 connection to the proxy for the upstream that speaks HTTP/1.1, or another; no frame was sent on it. */
  frames(host?: string, port?: number): Promise<FrameAgent>;
  /** Makes everything as it was before the first case. */
  reset(): void;
  close(): Promise<void>;
}

const HOSTS = ['plain.test', 'api.test', 'localhost'];

export async function startConformanceWorld(limits: Partial<ProxyLimits> = {}): Promise<ConformanceWorld> {
  const root = createRootAuthority('conformance root');
  const key = createSigningKey();
  const now = Date.now();
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts: HOSTS, now, notAfter: now + 3_600_000 });
  const identity = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: toPem(leaf) };
  const http1 = await startRaw((accept) => net.createServer({ noDelay: true, allowHalfOpen: true }, accept));
  const http2 = await startRaw((accept) => tls.createServer({ ...identity, ALPNProtocols: ['h2'] }, accept));
  const secure = await startRaw((accept) => tls.createServer({ ...identity, ALPNProtocols: ['http/1.1'] }, accept));
  const caPem = toPem(root.certificateDer);
  const ports = [http1.port, http2.port, secure.port];
  const plain = { hosts: ['plain.test'], serverWorkload: 'plain', injectsCredential: false };
  const routes = [plain, { hosts: ['api.test'] }].map((over) =>
    route({ ports, tls: { mode: 2, caPem, serverName: '' }, ...over }),
  );
  const proxy = await startProxyWorld({
    config: { limits },
    routes: () => routes,
    lookup: (host) => (HOSTS.includes(host) ? ['127.0.0.1'] : undefined),
  });
  proxy.client.decide = (question) =>
    grant(question, question.destination.host === 'plain.test' ? undefined : bearer(SECRET));
  const allow = proxy.client.decide;
  const agents = new Set<RawAgent>();
  const agent = async (): Promise<RawAgent> => {
    const connected = await connectRaw(proxy.proxy.address.port);
    agents.add(connected);
    return connected;
  };
  const servers = [http1, http2, secure];
  return {
    proxy,
    http1,
    secure,
    http2,
    agent,
    frames: async (host = 'plain.test', port = secure.port) => {
      const authority = `${host}:${port}`;
      const connected = await agent();
      const answer = await connected.exchange(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'CONNECT');
      if (answer.status !== 200) throw new Error(`CONNECT was answered ${answer.status}`);
      const ca = proxy.proxy.caPem ?? '';
      const secured = await secureRaw(connected.socket, { ca, servername: host, ALPNProtocols: ['h2'] });
      return new FrameAgent(secured.tls, authority);
    },
    reset: () => {
      for (const connected of agents) connected.destroy();
      agents.clear();
      for (const server of servers) {
        server.received = '';
        server.connections = 0;
        server.script = () => {};
        for (const socket of server.sockets) socket.destroy();
      }
      // New routes: no connection of the pool is used again.
      proxy.client.setRoutes([...routes]);
      proxy.client.decide = allow;
    },
    close: async () => {
      for (const connected of agents) connected.destroy();
      await proxy.close();
      for (const server of servers) await server.close();
    },
  };
}

async function startRaw(create: (accept: (socket: net.Socket) => void) => net.Server): Promise<RawServer> {
  const sockets = new Set<net.Socket>();
  const server = create((socket) => {
    sockets.add(socket);
    raw.connections += 1;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => (raw.received += bytes.toString('latin1')));
    raw.script(socket);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const raw: RawServer = {
    port: (server.address() as AddressInfo).port,
    script: () => {},
    received: '',
    connections: 0,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return raw;
}
