import { Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { OutgoingRequest, ResponseListener } from '../../../../../proxy/http/streams.ts';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { Http2Upstream } from '../../../../../proxy/io/upstream/http2-upstream.ts';
import { DEAF, outgoingGet } from '../../../../support/protocols/outgoing-request.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import type { Http2Event } from '../../../../../proxy/sessions/http2/events.ts';
import { data, END_STREAM, headers, PING, reset, settings } from '../../../../support/protocols/http2-frames.ts';

const ORIGIN = { key: 'k', address: '127.0.0.1', openedAt: 0, showsCertificate: false };
const ownerOf = () => ({ held: new ByteBudget(1_000_000), now: () => 5, closed: () => {} });

test('a stream that is given back without a request leaves its connection idle', () => {
  const upstream = new Http2Upstream(new Socket(), ORIGIN, DEFAULT_LIMITS, ownerOf());
  const stream = upstream.stream();
  expect(upstream.busy).toBe(true);
  stream.release(false);
  stream.release(false);
  expect(upstream.busy).toBe(false);
  expect(upstream.idleSince).toBe(5);
  upstream.destroy();
});

test('a stream whose connection died before its request is told so, and may be sent elsewhere', async () => {
  const upstream = new Http2Upstream(new Socket(), ORIGIN, DEFAULT_LIMITS, ownerOf());
  const stream = upstream.stream();
  upstream.destroy();
  const processed = await new Promise((resolve) => {
    stream.sendHead(outgoingGet(), { ...DEAF, onUpstreamError: (_error, failure) => resolve(failure.processed) });
  });
  expect(processed).toBe('never');
  expect(upstream.busy).toBe(false);
});

test('an upstream that reads nothing gets no more requests once they pile up', () => {
  const socket = new Duplex({ read: () => {}, write: () => {} }) as unknown as Socket;
  const upstream = new Http2Upstream(socket, ORIGIN, DEFAULT_LIMITS, ownerOf());
  upstream.receive(settings());
  let sent = 0;
  for (; upstream.usable && sent < 128; sent += 1) {
    upstream.stream().sendHead({ ...outgoingGet(), target: `/${'x'.repeat(20_000)}${sent}` }, writingDown());
  }
  expect(sent).toBe(53);
  upstream.destroy();
});

/** A listener that writes down what it is told. */
function writingDown(): ResponseListener & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    onInformational: ({ status }) => told.push(`informational ${status}`),
    onResponseHead: ({ status }) => told.push(`head ${status}`),
    onResponseBody: (bytes) => told.push(`body ${bytes.toString()}`),
    onResponseEnd: () => told.push('end'),
    onUpstreamDrain: () => {},
    onReadDone: () => {},
    onUpstreamError: ({ reason }) => told.push(`error ${reason}`),
  };
}

interface Asked {
  readonly upstream: Http2Upstream;
  readonly stream: ReturnType<Http2Upstream['stream']>;
  readonly listener: ResponseListener;
  readonly told: readonly string[];
}

function ask(): Asked {
  const upstream = new Http2Upstream(new Socket(), ORIGIN, DEFAULT_LIMITS, ownerOf());
  const asked = askOn(upstream);
  upstream.receive(settings());
  return asked;
}

function askOn(upstream: Http2Upstream, fields: readonly (readonly [string, string])[] = []): Asked {
  const stream = upstream.stream();
  const listener = writingDown();
  stream.sendHead({ ...outgoingGet(), headers: HeaderList.from(fields) }, listener);
  return { upstream, stream, listener, told: listener.told };
}

describe('a whole answer whose exchange still works on it', () => {
  const WHOLE = Buffer.concat([headers(1, [[':status', '200']]), data(1, 'all', END_STREAM)]);
  const TOLD = ['head 200', 'body all', 'end'];
  // RFC 9113 8.1: RST_STREAM of NO_ERROR behind an answer only stops the request.
  const BREAKS = {
    'the connection closes': (upstream: Http2Upstream) => upstream.destroy(),
    'the stream is reset': (upstream: Http2Upstream) => upstream.receive(reset(1, 0)),
    'the stream is reset, and the connection closes': (upstream: Http2Upstream) => {
      upstream.receive(reset(1, 0));
      upstream.destroy();
    },
  };

  test.each(Object.entries(BREAKS))('is not an error when it was told, and %s', (_name, breakOff) => {
    const { upstream, stream, told } = ask();
    upstream.receive(WHOLE);
    breakOff(upstream);
    expect(told).toEqual(TOLD);
    stream.release(true);
    expect(upstream.busy).toBe(false);
    upstream.destroy();
  });

  test.each(Object.entries(BREAKS))('is still told when it waits for the agent, and %s', (_name, breakOff) => {
    const { upstream, stream, told } = ask();
    stream.pause();
    upstream.receive(WHOLE);
    breakOff(upstream);
    expect(told).toEqual([]);
    stream.resume();
    expect(told).toEqual(TOLD);
    stream.release(true);
    expect(upstream.busy).toBe(false);
    upstream.destroy();
  });
});

describe('a fault of ours while an answer is handled', () => {
  const FAULTS = {
    onResponseHead: headers(1, [[':status', '200']]),
    onResponseBody: Buffer.concat([headers(1, [[':status', '200']]), data(1, 'x')]),
    onResponseEnd: Buffer.concat([headers(1, [[':status', '200']]), data(1, 'x', END_STREAM)]),
    onReadDone: headers(1, [[':status', '200']]),
  } as const;

  test.each(Object.entries(FAULTS))('in %s ends its exchange alone', (method, bytes) => {
    const { upstream, stream, told, listener } = ask();
    listener[method as keyof typeof FAULTS] = () => {
      throw new TypeError('a bug');
    };
    const other = askOn(upstream);
    upstream.receive(Buffer.concat([bytes, headers(3, [[':status', '204']], END_STREAM)]));
    expect(told.at(-1)).toBe('error internal-error');
    expect(other.told).toEqual(['head 204', 'end']);
    stream.release(false);
    other.stream.release(true);
    expect(upstream.busy).toBe(false);
    upstream.destroy();
  });

  test('among what had waited for the agent ends its exchange', () => {
    const { upstream, stream, told, listener } = ask();
    stream.pause();
    upstream.receive(Buffer.concat([headers(1, [[':status', '200']]), data(1, 'x')]));
    listener.onResponseBody = () => {
      throw new TypeError('a bug');
    };
    stream.resume();
    expect(told).toEqual(['head 200', 'error internal-error']);
    upstream.destroy();
  });
});

test('a request that was tried over HTTP/1.1 before leaves the framing of that behind', () => {
  const { upstream, told } = ask();
  askOn(upstream, [
    ['host', 'api.test'],
    ['transfer-encoding', 'chunked'],
  ]);
  upstream.receive(headers(1, [[':status', '204']], END_STREAM));
  expect(told).toEqual(['head 204', 'end']);
  upstream.destroy();
});

test('a long quiet stream bears the pings of its upstream', () => {
  let now = 0;
  const owner = { ...ownerOf(), now: () => now };
  const upstream = new Http2Upstream(new Socket(), ORIGIN, DEFAULT_LIMITS, owner);
  const { told } = askOn(upstream);
  upstream.receive(Buffer.concat([settings(), headers(1, [[':status', '200']])]));
  for (; now < 3_000_000; now += 1_000) upstream.receive(PING);
  expect(told).toEqual(['head 200']);
  upstream.destroy();
});

describe('a stream and its peer', () => {
  const head = (over: Partial<OutgoingRequest>): OutgoingRequest => ({ ...outgoingGet(), ...over });

  /** A connection to a peer that takes extended CONNECT, without sockets: `say` tells each side what the other said. */
  function meet(streamWindowBytes = 65_535): {
    upstream: Http2Upstream;
    peer: Http2Connection;
    say: () => Http2Event[];
  } {
    const socket = new PassThrough();
    const upstream = new Http2Upstream(socket as unknown as Socket, ORIGIN, DEFAULT_LIMITS, ownerOf());
    const peer = new Http2Connection('server', { streamWindowBytes });
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

  test('RFC 7541 7.1.3: what is sensitive goes out as never indexed, however often it comes', () => {
    const { upstream, say } = meet();
    const headers = (): HeaderList => HeaderList.from([['x-acme', 'secret']]);
    for (let time = 0; time < 3; time += 1) {
      const sensitive = new Set([':path', 'x-acme']);
      upstream.stream().sendHead(head({ headers: headers(), sensitive }), writingDown());
      const asked = say().find((event) => event.type === 'request-head');
      expect(asked?.head.headers.neverIndexed).toEqual(sensitive);
    }
    upstream.destroy();
  });

  test.each([true, false])(
    'says which host it is for once, and of trailers what the agent said: %s',
    (acceptsTrailers) => {
      const { upstream, say } = meet();
      upstream
        .stream()
        .sendHead(head({ headers: HeaderList.from([['host', 'api.test']]), acceptsTrailers }), writingDown());
      const asked = say().find((event) => event.type === 'request-head');
      expect(asked?.head.headers.get('host')).toBeUndefined();
      expect(asked?.head.headers.get('te')).toBe(acceptsTrailers ? 'trailers' : undefined);
      upstream.destroy();
    },
  );

  test('a stream that was promised before its connection was retired is served, and is the last one', async () => {
    const { upstream, peer, say } = meet();
    const stream = upstream.stream();
    upstream.retire();
    expect(upstream.usable).toBe(false);
    const listener = writingDown();
    stream.sendHead(head({}), listener);
    expect(say().map(({ type }) => type)).toEqual(['request-head', 'end']);
    peer.sendHead(1, { status: 204, headers: new HeaderList() }, true);
    say();
    expect(listener.told).toEqual(['head 204', 'end']);
    stream.release(true);
    await new Promise((turn) => setImmediate(turn));
    expect(say()).toEqual([]);
    expect(upstream.busy).toBe(false);
    upstream.destroy();
  });

  test('RFC 9113 8.1: what an upstream that has answered does not take of a request is given up, and its place is free', () => {
    const { upstream, peer, say } = meet(5);
    const stream = upstream.stream();
    stream.sendHead(head({ method: 'POST', length: 'unknown' }), writingDown());
    stream.sendBody(Buffer.alloc(6));
    stream.sendEnd(undefined);
    say();
    peer.sendHead(1, { status: 200, headers: new HeaderList() }, true);
    say();
    stream.release(true);
    expect(say()).toMatchObject([{ type: 'reset', code: 'CANCEL' }]);
    expect(peer.openStreams).toBe(0);
    upstream.destroy();
  });

  test('a WebSocket that ended keeps its place until the upstream has answered its end, and no longer than it is quiet', () => {
    const { upstream, peer, say } = meet();
    const stream = upstream.stream();
    stream.sendHead(head({ webSocketKey: 'unused' }), writingDown());
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
