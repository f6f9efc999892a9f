import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

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
  const root = createRootAuthority('test root');
  const key = createSigningKey();
  const leaf = issueLeaf(root, {
    publicKeySpki: publicKeySpki(key),
    hosts: ['localhost', '127.0.0.1'],
    now: Date.now(),
    notAfter: Date.now() + 3_600_000,
  });
  let handler: Handler = (_, response) => response.destroy();
  const server = createServer(
    { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: pem(leaf) },
    (request, response) => handler(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `https://localhost:${port}`;
  handler = makeHandler(url);
  return {
    url,
    port,
    caPem: pem(root.certificateDer),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
