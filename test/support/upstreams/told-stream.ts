import http from 'node:http';
import type http2 from 'node:http2';
import { http2Agent } from '../agents/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from './http2-upstream.ts';
import { HOSTS, routeTo, startProxyWorld } from '../worlds/proxy-world.ts';

/** One answer that goes on for as long as the test likes. */
export interface ToldStream {
  /** As the upstream; the bytes leave at once. */
  say(bytes: Buffer): void;
  /** As the agent: waits until so many bytes of the body have come in all; false when they do not come in time. */
  heard(count: number, withinMs: number): Promise<boolean>;
  readonly body: () => Buffer;
  end(): void;
}

export interface TellingWorld {
  /** Opens an answer with these fields, between an agent and an upstream of these versions of HTTP. */
  tell(versions: { agent: 1 | 2; upstream: 1 | 2 }, headers: http.OutgoingHttpHeaders): Promise<ToldStream>;
  close(): Promise<void>;
}

type Sayer = { say(bytes: Buffer): void; end(): void };

/** An intercepting proxy before an upstream of either version, whose answers say what the test wants, when it wants. */
export async function startTellingWorld(): Promise<TellingWorld> {
  let headers: http.OutgoingHttpHeaders = {};
  let opened: (sayer: Sayer) => void = () => {};
  const upstream2: Http2UpstreamServer = await startHttp2Upstream(HOSTS, (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, ...headers });
    opened({ say: (bytes) => void stream.write(bytes), end: () => void stream.end() });
  });
  const world = await startProxyWorld({
    routes: ({ httpsPort, caPem }) => [routeTo({ port: httpsPort, caPem }, 'api.test'), routeTo(upstream2)],
  });
  world.upstream.handle((_request, response) => {
    response.socket?.setNoDelay(true);
    response.writeHead(200, headers);
    response.flushHeaders();
    opened({ say: (bytes) => void response.write(bytes), end: () => void response.end() });
  });
  return {
    tell: async (versions, fields) => {
      headers = fields;
      const sayer = new Promise<Sayer>((resolve) => (opened = resolve));
      const host = versions.upstream === 1 ? 'api.test' : 'localhost';
      const port = versions.upstream === 1 ? world.upstream.httpsPort : upstream2.port;
      const ALPNProtocols = [versions.agent === 2 ? 'h2' : 'http/1.1'];
      const { tls } = await world.tlsAgent(host, port, { ALPNProtocols });
      const heard = new Heard();
      if (versions.agent === 1) {
        tls.removeAllListeners('data');
        const request = http.get({ createConnection: () => tls, path: '/told', headers: { host: `${host}:${port}` } });
        request.on('error', () => {});
        request.on('response', (response) => {
          response.on('error', () => {});
          response.on('data', (bytes: Buffer) => heard.add(bytes));
        });
      } else {
        const stream = http2Agent(tls, `${host}:${port}`).request({ ':path': '/told' });
        stream.on('error', () => {});
        stream.on('data', (bytes: Buffer) => heard.add(bytes));
      }
      const { say, end } = await sayer;
      return { say, end, heard: (count, withinMs) => heard.until(count, withinMs), body: () => heard.bytes };
    },
    close: async () => {
      await world.close();
      await upstream2.close();
    },
  };
}

class Heard {
  #pieces: Buffer[] = [];
  #count = 0;
  #wake: () => void = () => {};

  add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#count += bytes.length;
    this.#wake();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  async until(count: number, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (this.#count < count) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }
}
