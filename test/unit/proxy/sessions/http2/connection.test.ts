import { describe, expect, it } from 'vitest';
import { FrameType } from '../../../../../proxy/protocols/http2/frames.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import {
  block,
  cutFrames,
  data,
  describeFrame,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  headers,
  PING,
  POST,
  reset,
  settings,
  SETTINGS_ACK,
  CLIENT_START,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import { everyCut } from '../../../../support/protocols/http1-play.ts';
import {
  drive,
  hear,
  startClient,
  startServer,
  type React,
  written,
} from '../../../../support/protocols/http2-play.ts';

const head = (method = 'GET') => ({
  method,
  scheme: 'https',
  authority: 'a.example',
  path: '/x',
  headers: HeaderList.from([['x-a', 'b']]),
});
const OK = { status: 200, headers: new HeaderList() };

/** Moves what each wrote to the other until both are silent; tells what they heard. */
function converse(
  client: Http2Connection,
  server: Http2Connection,
  react: React,
): { client: string[]; server: string[] } {
  const heard = { client: [] as string[], server: [] as string[] };
  for (let round = 0; round < 20; round += 1) {
    const up = Buffer.concat(client.takeOutput());
    const atServer = hear(server, [up], react).events;
    const atClient = hear(client, [Buffer.concat(server.takeOutput())]).events;
    heard.server.push(...atServer);
    heard.client.push(...atClient);
    if (up.length === 0 && atClient.length === 0) break;
  }
  return heard;
}

describe('a whole conversation', () => {
  const CONVERSATION = Buffer.concat([
    CLIENT_START,
    SETTINGS_ACK,
    windowUpdate(0, 10),
    headers(1, [...POST, ['content-length', '5']]),
    data(1, 'hel'),
    PING,
    headers(3, GET, END_STREAM),
    frame(FrameType.DATA, END_STREAM | 0x8, 1, '\x03lo\0\0\0'),
    frame(FrameType.HEADERS, 0, 5, block(POST).subarray(0, 9)),
    frame(FrameType.CONTINUATION, END_HEADERS, 5, block(POST).subarray(9)),
    headers(7, [['x', 'y']], END_STREAM),
    data(5, 'abc'),
    headers(5, [['x-t', 'z']], END_STREAM),
    reset(3),
    settings([4, 1_000]),
  ]);
  const answer: React = (event, server) => {
    if (event.type === 'request-head') server.sendHead(event.stream, OK, false);
    if (event.type === 'body') server.sendData(event.stream, event.bytes);
  };

  it('means the same however it is cut, and when its buffers are written over', () => {
    const whole = drive(new Http2Connection('server'), [CONVERSATION], answer);
    expect(whole.error).toBeUndefined();
    expect(whole.events).toContain('end 5 {x-t: z}');
    for (const pieces of everyCut(CONVERSATION)) {
      expect(drive(new Http2Connection('server'), pieces, answer).events).toEqual(whole.events);
      const server = new Http2Connection('server');
      const events: string[] = [];
      for (const piece of pieces) {
        const lent = Buffer.from(piece);
        events.push(...hear(server, [lent], answer).events);
        server.copyUnread();
        lent.fill(0xff);
      }
      expect(events.filter((event) => !event.startsWith('body'))).toEqual(
        whole.events.filter((event) => !event.startsWith('body')),
      );
    }
  });

  it('says nothing more than what arrived, at every truncation', () => {
    const whole = drive(new Http2Connection('server'), [CONVERSATION], answer).events;
    for (let length = 0; length < CONVERSATION.length; length += 1) {
      const played = drive(new Http2Connection('server'), [CONVERSATION.subarray(0, length)], answer);
      expect(played.error).toBeUndefined();
      expect(whole.join('\n').startsWith(played.events.join('\n'))).toBe(true);
    }
  });
});

describe('both roles', () => {
  it('speak with each other', () => {
    const client = new Http2Connection('client');
    const server = new Http2Connection('server');
    const id = client.open(head('POST'), false) ?? 0;
    client.sendData(id, Buffer.from('hello'));
    client.sendEnd(id, HeaderList.from([['x-t', '1']]));
    const heard = converse(client, server, (event) => {
      if (event.type !== 'end') return;
      server.sendInformational(1, { status: 103, headers: HeaderList.from([['link', 'x']]) });
      server.sendHead(1, { status: 200, headers: HeaderList.from([['Content-Type', 'text/plain']]) }, false);
      server.sendData(1, Buffer.from('hi'));
      server.sendEnd(1, HeaderList.from([['grpc-status', '0']]));
    });
    expect(heard.server).toEqual([
      'settings',
      'request 1 POST https://a.example/x {x-a: b}',
      'body 1 hello',
      'end 1 {x-t: 1}',
    ]);
    expect(heard.client).toEqual([
      'settings',
      'informational 1 103 {link: x}',
      'response 1 200 {content-type: text/plain}',
      'body 1 hi',
      'end 1 {grpc-status: 0}',
    ]);
    expect([client.openStreams, server.openStreams]).toEqual([0, 0]);
    expect([client.bufferedBytes, server.bufferedBytes]).toEqual([0, 0]);
    expect(client.remoteAllowsExtendedConnect).toBe(true);
    expect(client.open({ ...head('CONNECT'), protocol: 'websocket' }, false)).toBe(3);
    expect(converse(client, server, () => {}).server).toEqual([
      'request 3 CONNECT(websocket) https://a.example/x {x-a: b}',
    ]);
  });

  it('tell which fields came as never indexed, and keep it', () => {
    const client = startClient();
    const server = new Http2Connection('server');
    const secret = { ...head(), sensitive: new Set([':path', 'x-a']) };
    secret.headers.append('authorization', 'Bearer x');
    const seen: unknown[] = [];
    client.open(secret, true);
    const start = Buffer.concat([CLIENT_START, ...client.takeOutput()]);
    drive(server, [start], (event) => {
      if (event.type === 'request-head') seen.push([...event.head.headers.neverIndexed]);
    });
    expect(seen).toEqual([[':path', 'x-a', 'authorization']]);
  });

  it('split large heads into CONTINUATION frames', () => {
    const client = startClient();
    const large = { ...head(), headers: HeaderList.from([['x-a', 'b'.repeat(20_000)]]) };
    client.open(large, true);
    const bytes = Buffer.concat(client.takeOutput());
    expect(cutFrames(bytes).map(describeFrame)).toEqual(['HEADERS 1 END', 'CONTINUATION 1']);
    const { events } = drive(startServer(), [bytes]);
    expect(events[0]).toHaveLength(20_000 + 'request 1 GET https://a.example/x {x-a: }'.length);
  });
});

describe('a client', () => {
  it('opens no more streams than the server takes', () => {
    const client = startClient(['GET', 'GET'], {}, settings([3, 2]));
    expect([client.canOpen, client.open(head(), true)]).toEqual([false, undefined]);
    drive(client, [headers(1, [[':status', '204']], END_STREAM)]);
    expect(client.open(head(), true)).toBe(5);
  });

  it('RFC 8441 3 opens no extended CONNECT that was not offered', () => {
    expect(startClient().open({ ...head('CONNECT'), protocol: 'websocket' }, false)).toBeUndefined();
    expect(startClient([], {}, settings([8, 1])).open({ ...head('CONNECT'), protocol: 'websocket' }, false)).toBe(1);
  });

  it('5.1 lets go of a stream that it resets, and bears what still comes for it', () => {
    const client = startClient(['GET']);
    client.reset(1, 'CANCEL');
    expect(written(client)).toEqual(['RST_STREAM 1 CANCEL']);
    const late = [headers(1, [[':status', '200']]), data(1, 'a'), headers(1, [], END_STREAM), reset(1)];
    expect(drive(client, late)).toEqual({ events: [], output: [], error: undefined });
    expect(client.openStreams).toBe(0);
  });
});

describe('a server', () => {
  it('6.8 takes no new streams after shutdown, without a fault, and finishes the others', () => {
    const server = startServer();
    drive(server, [headers(1, POST)]);
    server.shutdown();
    server.shutdown();
    expect(written(server)).toEqual(['GOAWAY 1 NO_ERROR']);
    const played = drive(server, [headers(3, POST), data(3, 'a'), data(1, 'b', END_STREAM)]);
    expect(played).toEqual({ events: ['body 1 b', 'end 1'], output: [], error: undefined });
    server.sendHead(1, OK, true);
    expect([written(server), server.openStreams]).toEqual([['HEADERS 1 END'], 0]);
  });

  it('8.1 may end a response before the request, and then give it up', () => {
    const server = startServer();
    drive(server, [headers(1, POST)]);
    server.sendHead(1, OK, true);
    expect(server.openStreams).toBe(1);
    server.reset(1, 'NO_ERROR');
    expect([written(server), server.openStreams]).toEqual([['HEADERS 1 END', 'RST_STREAM 1 NO_ERROR'], 0]);
  });

  it('takes calls for streams that are gone as nothing', () => {
    const server = startServer();
    drive(server, [headers(1, POST), reset(1)]);
    server.sendInformational(1, { status: 103, headers: new HeaderList() });
    server.sendHead(1, OK, false);
    server.sendEnd(1);
    server.reset(1, 'CANCEL');
    server.consume(1, 1);
    expect([server.sendData(1, Buffer.from('a')), written(server)]).toEqual([true, []]);
  });

  it.each<[string, (server: Http2Connection) => void]>([
    ['a second head', (server) => server.sendHead(1, OK, false)],
    ['an interim response behind the head', (server) => server.sendInformational(1, OK)],
    ['body behind the end', (server) => [server.sendEnd(1), server.sendData(1, Buffer.from('a'))]],
    ['a second end', (server) => [server.sendEnd(1), server.sendEnd(1)]],
  ])('throws on %s, which is a bug of its caller', (_, act) => {
    const server = startServer();
    drive(server, [headers(1, POST)]);
    server.sendHead(1, OK, false);
    expect(() => act(server)).toThrow(Error);
  });

  it('closes after a head that it could not write whole: the tables may differ', () => {
    const server = startServer();
    drive(server, [headers(1, POST)]);
    const bad = { status: 200, headers: HeaderList.from([['x-a', 'b\r\nx-b: c']]) };
    expect(() => server.sendHead(1, bad, false)).toThrow(/to write/);
    expect(() => server.next()).toThrow(/may not be written/);
    expect(written(server)).toEqual(['GOAWAY 1 INTERNAL_ERROR']);
  });
});
