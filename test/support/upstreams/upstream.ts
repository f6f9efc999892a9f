import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';

/** One request as an upstream saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly secure: boolean;
  readonly resumed: boolean;
}

export type UpstreamHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A real server on loopback that speaks HTTP on one port and HTTPS on another, and remembers what it saw. */
export interface Upstream {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly caPem: string;
  /** Requests whose body was read whole by the default handler or by `note`. */
  readonly seen: SeenRequest[];
  /** TCP connections accepted so far, on both ports. */
  readonly connections: () => number;
  /** Answers from now on; undefined goes back to the default: 200 with `hello`. */
  handle(handler: UpstreamHandler | undefined): void;
  /** Reads the request to its end and remembers it. */
  note(request: http.IncomingMessage): Promise<SeenRequest>;
  closeConnections(): void;
  close(): Promise<void>;
}

/** Starts the upstream with a certificate for these hosts. */
export async function startUpstream(hosts: readonly string[]): Promise<Upstream> {
  const root = createRootAuthority('upstream root');
  const key = createSigningKey();
  const now = Date.now();
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts, now, notAfter: now + 3_600_000 });
  const seen: SeenRequest[] = [];
  let accepted = 0;
  let handler: UpstreamHandler | undefined;
  const note = async (request: http.IncomingMessage): Promise<SeenRequest> => {
    const socket = request.socket as net.Socket & { encrypted?: boolean; isSessionReused?(): boolean };
    const { method = '', url: target = '', headers, rawHeaders } = request;
    const secure = socket.encrypted === true;
    const resumed = socket.isSessionReused?.() ?? false;
    const body = await buffer(request);
    const noted = { method, target, headers, rawHeaders, body, secure, resumed };
    seen.push(noted);
    return noted;
  };
  const answer: UpstreamHandler = (request, response) => {
    request.on('error', () => {});
    response.on('error', () => {});
    if (handler !== undefined) return handler(request, response);
    note(request).then(
      () => response.end('hello'),
      () => response.destroy(),
    );
  };
  const options = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: toPem(leaf), keepAliveTimeout: 60_000 };
  const servers = [
    http.createServer({ keepAliveTimeout: 60_000 }, answer),
    https.createServer(options, answer),
  ] as const;
  for (const server of servers) {
    server.on('connection', () => (accepted += 1));
    server.on('clientError', (_error, socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  const [plain, secure] = servers;
  const closeConnections = (): void => {
    for (const server of servers) server.closeAllConnections();
  };
  return {
    httpPort: (plain.address() as AddressInfo).port,
    httpsPort: (secure.address() as AddressInfo).port,
    caPem: toPem(root.certificateDer),
    seen,
    connections: () => accepted,
    handle: (next) => (handler = next),
    note,
    closeConnections,
    close: async () => {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      closeConnections();
      await Promise.all(closed);
    },
  };
}

/** A TCP server whose every connection runs this script; for upstreams that break the rules. */
export async function startRawUpstream(
  script: (socket: net.Socket, connection: number) => void,
): Promise<{ readonly port: number; readonly connections: () => number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    accepted += 1;
    script(socket, accepted);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => accepted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Answers each request (a head without body) of a connection with the next of these, then closes when none is left. */
export function scripted(...answers: readonly string[]): (socket: net.Socket) => void {
  return (socket) => {
    const left = [...answers];
    let pending = '';
    socket.on('data', (bytes) => {
      pending += bytes.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        pending = pending.slice(end + 4);
        const answer = left.shift();
        if (answer === undefined) return void socket.destroy();
        socket.write(Buffer.from(answer, 'latin1'));
      }
    });
  };
}
