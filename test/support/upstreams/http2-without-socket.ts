import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { ByteBudget } from '../../../common/byte-budget.ts';
import type { OutgoingRequest } from '../../../proxy/http/streams.ts';
import { Http2Upstream } from '../../../proxy/io/upstream/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';
import { DEAF, outgoingGet } from '../protocols/outgoing-request.ts';
import { cutFrames, describeFrame, END_STREAM, headers, settings } from '../protocols/http2-frames.ts';

const ORIGIN = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: false };

/** A connection that has the settings of its upstream, and what became of its calls, in order. */
export function connectHttp2({ calmly = false, now = (): number => 5, greeting = settings() } = {}) {
  const told: string[] = [];
  const socket = new PassThrough();
  const owner = { held: new ByteBudget(1_000_000), now, closed: () => void told.push('closed') };
  const upstream = new Http2Upstream(socket as unknown as Socket, ORIGIN, DEFAULT_LIMITS, owner, calmly);
  upstream.receive(greeting);
  const ask = (over: Partial<OutgoingRequest> = {}) => {
    const request = { ...outgoingGet(), ...over };
    const { method } = request;
    const stream = upstream.stream();
    stream.sendHead(request, {
      ...DEAF,
      onResponseHead: ({ status }) => told.push(`${method} ${status}`),
      onResponseEnd: () => told.push(`${method} end`),
      onUpstreamDrain: () => told.push(`${method} drain`),
      onUpstreamError: ({ reason }, { answered, processed }) =>
        told.push(`${method} ${reason} ${processed}${answered ? ' answered' : ''}`),
    });
    return stream;
  };
  /** One call from its beginning to its end; of the first stream. */
  const serve = (): void => {
    const stream = ask();
    upstream.receive(headers(1, [[':status', '204']], END_STREAM));
    stream.release(true);
    told.splice(0);
  };
  const written = (): string[] => cutFrames(socket.read() ?? Buffer.alloc(0)).map(describeFrame);
  return { upstream, socket, told, ask, serve, written };
}
