import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeTlsIdentity } from '../tls-identity.ts';

export interface HttpsServer {
  /** `https://localhost:<port>` */
  readonly url: string;
  readonly port: number;
  /** The authority to trust. */
  readonly caPem: string;
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTPS server on loopback, with an authority of its own. The handler may be given once the URL is known. */
export async function startHttpsServer(makeHandler: (url: string) => Handler): Promise<HttpsServer> {
  const { key, cert, caPem } = makeTlsIdentity(['localhost', '127.0.0.1']);
  let handler: Handler = (_, response) => response.destroy();
  const server = createServer({ key, cert }, (request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `https://localhost:${port}`;
  handler = makeHandler(url);
  return {
    url,
    port,
    caPem,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
