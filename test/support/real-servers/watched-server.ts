import net from 'node:net';
import tls from 'node:tls';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { CLIENT_START } from '../protocols/http2-frames.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../worlds/proxy-world.ts';
import { until } from '../until.ts';
import { type RealServer, startRealServer, type Understood } from './server.ts';

const PATIENCE_MS = 20_000;

/** What came of one case. */
export interface Verdict {
  /** How the server's view differs from the proxy's records. */
  readonly faults: readonly string[];
  /** Requests that the proxy forwarded, and that the server told of. */
  readonly forwarded: number;
  readonly understood: number;
  /** Requests that nobody forwarded: content that a server left unread and took for them. They carry no credential. */
  readonly strays: readonly Understood[];
}

/** A real server behind a proxy, and what either makes of what agents send. */
export class WatchedServer {
  readonly world: ProxyWorld;
  readonly server: RealServer;
  #canaries = 0;

  /** Its handlers see no content that came in chunks, or in DATA without Content-Length. */
  readonly knowsNoChunks: boolean;

  private constructor(world: ProxyWorld, server: RealServer, name: string) {
    this.world = world;
    this.server = server;
    this.knowsNoChunks = name === 'http.server' || name.startsWith('varnish');
  }

  static async start(name: string): Promise<WatchedServer> {
    const server = await startRealServer(name);
    const world = await startProxyWorld({
      routes: () => [route({ ports: [server.port], protocol: server.over === 'h2c' ? 'h2c' : 'http' })],
      ...(server.caPem === undefined ? {} : { config: { upstreamCaPem: server.caPem } }),
    });
    world.client.decide = (question) => grant(question, bearer(SECRET));
    const watched = new WatchedServer(world, server, name);
    await watched.#canary().catch(async (error: unknown) => {
      await watched.close();
      throw error;
    });
    return watched;
  }

  get scheme(): 'http' | 'https' {
    return this.server.caPem === undefined ? 'http' : 'https';
  }

  get authority(): string {
    return `api.test:${this.server.port}`;
  }

  /** Sends these bytes, then asks for what only its own answer can satisfy. */
  async judge(bytes: Buffer, name: number, over: 'http1' | 'http2' = 'http1'): Promise<Verdict> {
    const { records } = this.world.client;
    const { seen } = this.server;
    seen.length = 0;
    records.length = 0;
    const answers = over === 'http1' ? await this.#send(bytes) : await this.#sendInTunnel(bytes);
    const faults = crossed(answers, name, bytes, over === 'http1');
    const forwarded = records.filter(
      ({ outcome, method }) => outcome !== Outcome.OUTCOME_DENIED && method !== 'CONNECT',
    );
    faults.push(...(await this.#canary()));
    const understood = seen.filter((one) => !one.case?.startsWith('canary'));
    const sent = this.server.over === 'HTTP/1.1' ? forwarded : [...forwarded, ...forwarded.filter(maySendAgain)];
    const strange = differences(understood, sent, this);
    const strays = strange.filter(({ credential }) => !credential);
    for (const one of strange) {
      if (one.credential)
        faults.push(`understood: ${JSON.stringify(one)}, recorded: ${forwarded.map(shown).join(', ')}`);
    }
    return { faults, forwarded: forwarded.length, understood: understood.length - strays.length, strays };
  }

  async close(): Promise<void> {
    await this.world.close();
    this.server.close();
  }

  /** Sends, says that this was all, reads to the end. */
  #send(bytes: Buffer): Promise<string> {
    const socket = this.#connect();
    socket.end(bytes);
    return readToEnd(socket);
  }

  /** The same by HTTP/2, over TLS where the server speaks it. */
  async #sendInTunnel(bytes: Buffer): Promise<string> {
    const plain = this.#connect();
    plain.write(`CONNECT ${this.authority} HTTP/1.1\r\nHost: ${this.authority}\r\n\r\n`);
    await new Promise((resolve) => plain.once('data', resolve));
    const ca = this.world.proxy.caPem ?? '';
    const socket =
      this.scheme === 'http'
        ? plain
        : tls.connect({ socket: plain, ALPNProtocols: ['h2'], ca, servername: 'api.test' });
    socket.end(Buffer.concat([CLIENT_START, bytes]));
    return readToEnd(socket);
  }

  #connect(): net.Socket {
    return net.connect({ port: this.world.proxy.address.port, host: '127.0.0.1', allowHalfOpen: true });
  }

  async #canary(): Promise<string[]> {
    const name = `canary-${(this.#canaries += 1)}`;
    const head = `GET ${this.scheme}://${this.authority}/read/${name} HTTP/1.1\r\nHost: ${this.authority}\r\nX-Case: ${name}\r\nConnection: close\r\n\r\n`;
    const answer = await this.#send(Buffer.from(head));
    const isOwn = answer.startsWith('HTTP/1.1 200 ') && answer.includes(`"${name}"`);
    if (!isOwn) return [`the canary was answered ${JSON.stringify(answer.slice(0, 600))}`];
    await until('the canary is told of', () => this.server.seen.some((one) => one.case === name), PATIENCE_MS);
    return [];
  }
}

function readToEnd(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('data', (piece: Buffer) => (received += piece.toString('latin1')));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(received);
    });
  });
}

/** Answers that tell of another case, which was not asked by damage to the name, or stand in another order. */
function crossed(answers: string, name: number, asked: Buffer, inOrder: boolean): string[] {
  const told = [...answers.matchAll(/"case": ?"(\d+)\.(\d+)/g)].map(([, of, index]) => [Number(of), Number(index)]);
  const strange = told.filter(
    ([of, index], at) =>
      (of !== name && !asked.includes(`${of}.${index}`)) || (inOrder && (told[at - 1]?.[1] ?? -1) >= (index ?? 0)),
  );
  return strange.length === 0 ? [] : [`answers crossed: ${JSON.stringify(told)}`];
}

/** On a shared connection that ended, after which the server may have understood it twice. */
function maySendAgain({ method }: Forwarded): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(method);
}

interface Forwarded {
  readonly method: string;
  readonly path: string;
  readonly requestBytes: number;
}

/** What the server understood and the proxy has no record of. */
function differences(
  understood: readonly Understood[],
  records: readonly Forwarded[],
  watched: WatchedServer,
): Understood[] {
  const left = [...records];
  return understood.filter((one) => {
    const at = left.findIndex((record) => isSame(one, record, watched));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function shown({ method, path, requestBytes }: Forwarded): string {
  return `${method} ${path} ${requestBytes}`;
}

function isSame(one: Understood, record: Forwarded, { authority, knowsNoChunks }: WatchedServer): boolean {
  const path = one.path === undefined ? decoded(one.target?.split('?')[0] ?? '') : one.path;
  const bytes = one.body === undefined ? undefined : Buffer.from(one.body, 'base64').length;
  return (
    // gunicorn has methods in upper case.
    one.method.toUpperCase() === record.method.toUpperCase() &&
    path === decoded(record.path) &&
    one.host === authority &&
    (bytes === undefined || bytes === Number(record.requestBytes) || (bytes === 0 && knowsNoChunks))
  );
}

function decoded(path: string): string {
  return path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
