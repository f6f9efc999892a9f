import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { OutgoingRequest } from '../../../../proxy/http/streams.ts';
import { Http2Upstream } from '../../../../proxy/io/http2-upstream.ts';
import { DEFAULT_LIMITS } from '../../../../proxy/limits.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';
import { Http2Connection } from '../../../../proxy/sessions/http2/connection.ts';
import type { Http2Event } from '../../../../proxy/sessions/http2/events.ts';

const owner = { now: () => 5, closed: () => {}, released: () => {} };
const origin = { key: 'k', address: '127.0.0.1', openedAt: 0, routesSince: 0, showsCertificate: false };
const nothing = (): void => {};
const listener = {
  onInformational: nothing,
  onResponseHead: nothing,
  onResponseBody: nothing,
  onResponseEnd: nothing,
  onUpstreamDrain: nothing,
  onReadDone: nothing,
  onUpstreamError: nothing,
};

test('a stream that is given back without a request leaves its connection idle', () => {
  const upstream = new Http2Upstream(new Socket(), origin, DEFAULT_LIMITS, owner);
  const stream = upstream.stream();
  expect(upstream.busy).toBe(true);
  stream.release(false);
  stream.release(false);
  expect(upstream.busy).toBe(false);
  expect(upstream.idleSince).toBe(5);
  upstream.destroy();
});

test('a stream whose connection died before its request is told so, and may be sent elsewhere', async () => {
  const upstream = new Http2Upstream(new Socket(), origin, DEFAULT_LIMITS, owner);
  const stream = upstream.stream();
  upstream.destroy();
  const processed = await new Promise((resolve) => {
    stream.sendHead(
      {
        method: 'GET',
        scheme: 'https',
        authority: 'api.test',
        target: '/',
        headers: new HeaderList(),
        length: 'none',
        acceptsTrailers: false,
        sensitive: new Set(),
      },
      {
        ...listener,
        onUpstreamError: (_error, failure) => resolve(failure.processed),
      },
    );
  });
  expect(processed).toBe('never');
  expect(upstream.busy).toBe(false);
});

describe('a stream and its peer', () => {
  const head = (over: Partial<OutgoingRequest>): OutgoingRequest => ({
    method: 'GET',
    scheme: 'https',
    authority: 'api.test',
    target: '/',
    headers: new HeaderList(),
    length: 'none',
    acceptsTrailers: false,
    sensitive: new Set(),
    ...over,
  });

  /** A connection to a peer that takes extended CONNECT, without sockets: `say` tells each side what the other said. */
  function meet(): { upstream: Http2Upstream; peer: Http2Connection; say: () => Http2Event[] } {
    const socket = new PassThrough();
    const upstream = new Http2Upstream(socket as unknown as Socket, origin, DEFAULT_LIMITS, owner);
    const peer = new Http2Connection('server', { enableConnectProtocol: true });
    const say = (): Http2Event[] => {
      const events: Http2Event[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        upstream.receive(Buffer.concat(peer.takeOutput()));
        peer.receive(socket.read() ?? Buffer.alloc(0));
        for (let event = peer.next(); event !== undefined; event = peer.next()) events.push(event);
        peer.copyUnread();
      }
      return events;
    };
    say();
    return { upstream, peer, say };
  }

  test('a request that was framed for HTTP/1.1 before is framed anew', () => {
    const { upstream, say } = meet();
    const headers = HeaderList.from([['transfer-encoding', 'chunked']]);
    const stream = upstream.stream();
    stream.sendHead(head({ method: 'PUT', headers, length: 'unknown' }), listener);
    const [found] = say().filter(({ type }) => type === 'request-head' || type === 'reset');
    expect(found).toMatchObject({ type: 'request-head', head: { method: 'PUT' } });
    upstream.destroy();
  });

  test('a WebSocket that ended keeps its place until the upstream has answered its end, and no longer than it is quiet', () => {
    const { upstream, peer, say } = meet();
    const stream = upstream.stream();
    stream.sendHead(head({ webSocketKey: 'unused' }), listener);
    const opened = say().find((event) => event.type === 'request-head');
    expect(opened).toMatchObject({ head: { method: 'CONNECT', protocol: 'websocket' }, endStream: false });
    peer.sendHead(1, { status: 200, headers: new HeaderList() }, false);
    say();
    stream.upgrade();
    stream.sendEnd(undefined);
    stream.release(false);
    expect(upstream.busy).toBe(false);
    expect(say().map(({ type }) => type)).toContain('end');
    peer.sendData(1, Buffer.from('more'));
    expect(say()).toMatchObject([{ type: 'reset', code: 'CANCEL' }]);
    expect(upstream.usable).toBe(true);
    upstream.destroy();
  });
});
