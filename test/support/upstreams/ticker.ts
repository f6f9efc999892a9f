import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { makeTlsIdentity } from '../tls-identity.ts';

/** An upstream whose answers and WebSockets never end by themselves. */
export interface Ticker {
  readonly port: number;
  readonly caPem: string;
  /** Authorization of each call, in their order. */
  readonly seen: string[];
  close(): void;
}

const TICK_MS = 50;

/** Answers `/tick` and WebSockets with an event every now and then, and anything else at once. */
export async function startTicker(): Promise<Ticker> {
  const { key, cert, caPem } = makeTlsIdentity(['localhost']);
  const seen: string[] = [];
  const note = ({ headers }: IncomingMessage): unknown => seen.push(headers.authorization ?? '');
  const server = https.createServer({ key, cert }, (request, response) => {
    note(request);
    if (request.url !== '/tick') return void response.end('here');
    const timer = setInterval(() => response.write('data: x\n\n'), TICK_MS);
    response.on('close', () => clearInterval(timer));
  });
  new WebSocketServer({ server }).on('connection', (socket, request) => {
    note(request);
    const timer = setInterval(() => socket.send('x'), TICK_MS);
    socket.on('error', () => {});
    socket.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    caPem,
    seen,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
