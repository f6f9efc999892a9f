import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type HttpsServer, startHttpsServer } from './https-server.ts';

export interface SeenCall {
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTPS API that answers every call with all that it was sent. */
export interface SeenApi extends HttpsServer {
  readonly seen: SeenCall[];
}

export async function startSeenApi(): Promise<SeenApi> {
  const seen: SeenCall[] = [];
  const server = await startHttpsServer(() => (request, response) => {
    text(request).then(
      (body) => {
        const { url: target = '', headers } = request;
        seen.push({ target, headers, body });
        response.end(`seen ${target} ${JSON.stringify(headers)} ${body}`);
      },
      () => response.destroy(),
    );
  });
  return { ...server, seen };
}
