import net from 'node:net';
import tls from 'node:tls';

/** How one row's requests travel: straight, absolute-form through a proxy, or through CONNECT and TLS. */
export interface Route {
  readonly proxyPort: number | undefined;
  readonly upstreamPort: number;
  readonly https: boolean;
  readonly caPem: string;
  readonly path: string;
  readonly bytes: number;
  readonly proxyAuthorization?: string;
}

const HOST = 'localhost';

/** One kept connection that sends a request and waits for its whole answer. */
export class LoadConnection {
  readonly #socket: net.Socket;
  readonly #request: Buffer;
  readonly #bodyBytes: number;
  #received = 0;
  #expected = 0;
  #resolve: (() => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(socket: net.Socket, request: Buffer, bodyBytes: number) {
    this.#socket = socket;
    this.#request = request;
    this.#bodyBytes = bodyBytes;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', (error) => this.#reject?.(error));
    socket.on('close', () => this.#reject?.(new Error('connection closed by the forwarder')));
  }

  request(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#received = 0;
      this.#expected = 0;
      this.#socket.write(this.#request);
    });
  }

  close(): void {
    this.#reject = undefined;
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    if (this.#expected === 0) {
      const end = bytes.indexOf('\r\n\r\n');
      const head = bytes.toString('latin1', 0, end);
      if (end < 0 || !head.startsWith('HTTP/1.1 200')) {
        return this.#reject?.(new Error(`wrong answer: ${bytes.toString('latin1', 0, 1000)}`));
      }
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
      if (length !== this.#bodyBytes) return this.#reject?.(new Error(`wrong length: ${length}`));
      this.#expected = end + 4 + length;
    }
    this.#received += bytes.length;
    if (this.#received > this.#expected) return this.#reject?.(new Error('more bytes than promised'));
    if (this.#received === this.#expected) this.#resolve?.();
  }
}

export async function connect(route: Route): Promise<LoadConnection> {
  const authority = `${HOST}:${route.upstreamPort}`;
  const raw = await open(route.proxyPort ?? route.upstreamPort);
  const proxied = route.proxyPort !== undefined;
  const credentials = route.proxyAuthorization ? `Proxy-Authorization: ${route.proxyAuthorization}\r\n` : '';
  let socket: net.Socket = raw;
  if (route.https) {
    if (proxied) await establish(raw, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`);
    socket = await secure(raw, route.caPem);
  }
  const target = proxied && !route.https ? `http://${authority}${route.path}` : route.path;
  const extra = proxied && !route.https ? credentials : '';
  const head = `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: bench\r\nAccept: */*\r\n${extra}\r\n`;
  return new LoadConnection(socket, Buffer.from(head), route.bytes);
}

function open(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function establish(socket: net.Socket, head: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('data', (bytes: Buffer) => {
      if (bytes.toString('latin1', 0, 12) === 'HTTP/1.1 200') resolve();
      else reject(new Error(`CONNECT refused: ${bytes.toString('latin1', 0, 200)}`));
    });
    socket.write(head);
  });
}

function secure(raw: net.Socket, ca: string): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ socket: raw, servername: HOST, ca, ALPNProtocols: ['http/1.1'] }, () =>
      resolve(socket),
    );
    socket.once('error', reject);
  });
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly latenciesMs: number[];
}

/** As many requests as the connections can carry for this long, or at a fixed total rate a second. */
export async function load(
  connections: readonly LoadConnection[],
  ms: number,
  perSecond?: number,
): Promise<LoadResult> {
  const startedAt = performance.now();
  const endsAt = startedAt + ms;
  const latenciesMs: number[] = [];
  let requests = 0;
  await Promise.all(
    connections.map(async (connection, index) => {
      const pauseMs = perSecond === undefined ? 0 : (1000 * connections.length) / perSecond;
      let next = startedAt + (pauseMs * index) / connections.length;
      while (performance.now() < endsAt) {
        if (pauseMs > 0) {
          const wait = next - performance.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          next += pauseMs;
        }
        const sentAt = performance.now();
        await connection.request();
        if (pauseMs > 0) latenciesMs.push(performance.now() - sentAt);
        requests += 1;
      }
    }),
  );
  return { requests, seconds: (performance.now() - startedAt) / 1000, latenciesMs };
}
