import type http2 from 'node:http2';
import * as ws from 'ws';

const MAX_PAYLOAD = 1 << 24;

/** Of `ws`, what its types do not show: how a socket is put on any duplex stream. */
interface Internals {
  _isServer: boolean;
  _extensions: Record<string, unknown>;
  setSocket(stream: http2.Http2Stream, head: Buffer, options: { maxPayload: number }): void;
}

interface Negotiator {
  accept(parameters: readonly unknown[]): unknown;
}

const { extension, PerMessageDeflate } = ws as unknown as {
  extension: { parse(value: string): Record<string, readonly unknown[]> };
  PerMessageDeflate: new (options: object, isServer?: boolean, maxPayload?: number) => Negotiator;
};

/**
 * `ws` over a stream of HTTP/2 (RFC 8441) whose opening was answered 200, at either end of it.
 *
 * @param extensions - the value of Sec-WebSocket-Extensions in the answer; undefined: none was agreed
 */
export function webSocketOver(stream: http2.Http2Stream, end: 'server' | 'client', extensions?: string): ws.WebSocket {
  const isServer = end === 'server';
  const socket: ws.WebSocket = Reflect.construct(ws.WebSocket, [null, undefined, {}]);
  const internals = socket as unknown as Internals;
  internals._isServer = isServer;
  const agreed = extensions === undefined ? undefined : extension.parse(extensions)['permessage-deflate'];
  if (agreed !== undefined) {
    const deflate = new PerMessageDeflate({ threshold: 0, isServer, maxPayload: MAX_PAYLOAD }, isServer, MAX_PAYLOAD);
    deflate.accept(agreed);
    internals._extensions = { 'permessage-deflate': deflate };
  }
  internals.setSocket(stream, Buffer.alloc(0), { maxPayload: MAX_PAYLOAD });
  return socket;
}
