import { describe, expect, it } from 'vitest';
import { Flag, FrameType } from '../../../../../proxy/protocols/http2/frames.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import {
  block,
  cutFrames,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  headers,
  type Pairs,
  settings,
} from '../../../../support/protocols/http2-frames.ts';
import { drive, hear, type React, startClient, startServer } from '../../../../support/protocols/http2-play.ts';

const OK: Pairs = [
  [':status', '200'],
  ['x-a', 'b'],
];
const TRAILERS: Pairs = [['grpc-status', '0']];

/** A block of one indexed field besides the request's own literals: what it means depends on the table. */
const referring = (stream: number) =>
  frame(FrameType.HEADERS, END_HEADERS | END_STREAM, stream, Buffer.concat([block(GET), Buffer.from([0x80 | 62])]));
const inserting = (stream: number, value: string) =>
  frame(
    FrameType.HEADERS,
    END_HEADERS | END_STREAM,
    stream,
    Buffer.concat([block(GET), block([['x-v', value]], 0x40)]),
  );

describe('blocks that come again', () => {
  it('mean the same, whatever the caller did to the head before', () => {
    const server = startServer();
    const spoil: React = (event) => {
      if (event.type !== 'request-head') return;
      event.head.headers.set('x-a', 'spoilt');
      event.head.headers.append('authorization', 'Bearer x');
    };
    for (let at = 0; at < 6; at += 1) {
      const heard: string[] = [];
      drive(server, [headers(2 * at + 1, [...GET, ['x-a', 'b']], END_STREAM)], (event, connection) => {
        if (event.type === 'request-head') heard.push([...event.head.headers].join());
        spoil(event, connection);
      });
      expect(heard).toEqual(['x-a,b']);
    }
  });

  it('mean another thing on another table', () => {
    const server = startServer();
    const said = (bytes: Buffer) => drive(server, [bytes]).events[0]?.replace(/^request \d+ /, '');
    for (let round = 0, id = 1; round < 5; round += 1) {
      said(inserting(id, `v${round}`));
      for (let time = 0; time < 4; time += 1) {
        id += 2;
        expect(said(referring(id))).toBe(`GET https://a.example/ {x-v: v${round}}`);
      }
      id += 2;
    }
  });

  it('mean nothing any more once the table has shrunk', () => {
    const server = startServer();
    drive(server, [inserting(1, 'a'), referring(3), referring(5), referring(7)]);
    // RFC 7541 6.3: down to nothing.
    const shrinking = Buffer.concat([Buffer.from([0x20]), block(GET)]);
    expect(drive(server, [frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 9, shrinking)]).error).toBeUndefined();
    expect(drive(server, [referring(11)]).error).toBe('COMPRESSION_ERROR');
  });

  it('RFC 9113 4.3.1 do not come first once a smaller table was confirmed', () => {
    const server = startServer({ decoderTableBytes: 0 });
    const plain = (stream: number) => headers(stream, GET, END_STREAM);
    expect(drive(server, [plain(1), plain(3), plain(5)]).error).toBeUndefined();
    expect(drive(server, [frame(FrameType.SETTINGS, Flag.ACK, 0), plain(7)]).error).toBe('COMPRESSION_ERROR');
  });

  it('are refused as often as they come', () => {
    const server = startServer();
    for (let at = 0; at < 5; at += 1) {
      const { events } = drive(server, [headers(2 * at + 1, [...GET, ['connection', 'close']], END_STREAM)]);
      expect(events).toEqual([`reset ${2 * at + 1} PROTOCOL_ERROR by us`]);
    }
  });

  it('RFC 7541 7.1.3 are read anew each time, and not kept, with what came as never indexed', () => {
    const server = startServer();
    const seen = new Set<unknown>();
    for (let at = 0; at < 5; at += 1) {
      const secret = Buffer.concat([block(GET), block([['x-key', 'secret']], 0x10)]);
      drive(server, [frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, secret)], (event) => {
        if (event.type === 'request-head') seen.add(event.head.headers.neverIndexed);
      });
    }
    expect([...seen]).toEqual(Array.from({ length: 5 }, () => new Set(['x-key'])));
  });

  it('are told as heads and as trailers, by their place', () => {
    const client = startClient(Array.from({ length: 5 }, () => 'POST'));
    for (let stream = 1; stream < 10; stream += 2) {
      expect(drive(client, [headers(stream, OK), headers(stream, TRAILERS, END_STREAM)]).events).toEqual([
        `response ${stream} 200 {x-a: b}`,
        `end ${stream} {grpc-status: 0}`,
      ]);
    }
  });

  it.each([
    ['one SETTINGS frame', [settings([0x1, 0], [0x1, 4_096])]],
    ['two', [settings([0x1, 0]), settings([0x1, 4_096])]],
  ])('RFC 7541 4.2, RFC 9113 6.5.3: begin with the smallest table that %s told of, and the last', (_, told) => {
    const client = startClient();
    const ask = () =>
      client.open({ method: 'GET', scheme: 'https', authority: 'a', path: '/', headers: new HeaderList() }, true);
    for (let at = 0; at < 3; at += 1) ask();
    client.takeOutput();
    hear(client, told);
    ask();
    const asked = cutFrames(Buffer.concat(client.takeOutput())).find(({ type }) => type === FrameType.HEADERS);
    expect(asked?.payload.subarray(0, 4)).toEqual(Buffer.from('203fe11f', 'hex'));
  });
});
