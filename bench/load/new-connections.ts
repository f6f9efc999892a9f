import tls from 'node:tls';
import { dial } from './dial.ts';
import { Http1Connection } from './http1.ts';
import { driveLanes, type LoadDriver, type LoadSpec } from './spec.ts';

/** A new connection, its whole TLS handshake and one request, again and again, in as many lanes as `connections`. */
export async function openNewConnections(spec: LoadSpec): Promise<LoadDriver> {
  const stranger = await connect(spec, undefined);
  const echo = spec.echoPath === undefined ? undefined : await stranger.connection.read(spec.echoPath);
  stranger.connection.close();
  let resumed = 0;
  const lane = (): (() => Promise<void>) => {
    let session: Buffer | undefined;
    return async () => {
      const { socket, connection } = await connect(spec, spec.resume === true ? session : undefined);
      if (socket instanceof tls.TLSSocket) {
        if (socket.isSessionReused()) resumed += 1;
        // TLS 1.3 sends tickets after the handshake, each good for one connection (RFC 8446, appendix C.4).
        socket.on('session', (ticket) => {
          session = ticket;
        });
      }
      await connection.request();
      connection.close();
    };
  };
  return {
    echo,
    run: async (ms) => {
      resumed = 0;
      const result = await driveLanes(Array.from({ length: spec.connections }, lane), ms);
      return { ...result, resumed };
    },
  };
}

async function connect(
  spec: LoadSpec,
  session: Buffer | undefined,
): Promise<{ socket: object; connection: Http1Connection }> {
  const socket = await dial(spec, 'http/1.1', session);
  return { socket, connection: new Http1Connection(socket, spec) };
}
