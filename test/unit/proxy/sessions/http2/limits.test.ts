import { describe, expect, it } from 'vitest';
import { FrameType } from '../../../../../proxy/protocols/http2/frames.ts';
import { Http2Error } from '../../../../../proxy/protocols/http2/http2-error.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import {
  block,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  headers,
  PING,
  POST,
  reset,
  settings,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import type { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import { drive, type React, startClient, startServer } from '../../../../support/protocols/http2-play.ts';

const times = (count: number, make: (number: number) => Buffer) => Array.from({ length: count }, (_, at) => make(at));
const request = (at: number) => headers(2 * at + 1, GET, END_STREAM);
const OK = { status: 200, headers: new HeaderList() };
/** Answers each request, and takes the output as a socket that is read would. */
const answer: React = (event, server) => {
  if (event.type === 'request-head') server.sendHead(event.stream, OK, true);
  server.takeOutput();
};
const takeOnly: React = (_, server) => void server.takeOutput();

/** Sends so much body to a peer that gives back what it has read in steps, on the stream and the connection. */
function transfer(role: 'server' | 'client', total: number, pieceBytes: number, credit: number): string | undefined {
  const connection: Http2Connection = role === 'server' ? startServer() : startClient(['POST']);
  if (role === 'server') {
    drive(connection, [headers(1, GET, END_STREAM)]);
    connection.sendHead(1, OK, false);
  }
  const credits = Buffer.concat([windowUpdate(1, credit), windowUpdate(0, credit)]);
  const piece = Buffer.alloc(pieceBytes);
  for (let sent = 0; sent < total; sent += pieceBytes) {
    connection.sendData(1, piece);
    for (let read = 0; read < pieceBytes; read += credit) {
      const { error } = drive(connection, [credits], takeOnly);
      if (error !== undefined) return error;
    }
  }
  return undefined;
}

/** [what, one frame of the flood] */
const FLOODS: [string, Buffer][] = [
  ['PING (CVE-2019-9512)', PING],
  ['SETTINGS (CVE-2019-9515)', settings()],
  ['PRIORITY (CVE-2019-9513)', frame(FrameType.PRIORITY, 0, 1, '12345')],
  ['WINDOW_UPDATE', windowUpdate(0, 1)],
  ['empty DATA (CVE-2019-9518)', data(1, '')],
  ['unknown frames', frame(0x42, 0, 0)],
  ['RST_STREAM on a closed stream', reset(1)],
];

describe('what a connection may cost', () => {
  it.each(FLOODS)('ends a flood of %s', (_, one) => {
    const server = startServer({ controlFrameAllowance: 50 });
    const quiet = drive(server, [headers(1, POST), ...times(40, () => one)], takeOnly);
    expect(quiet.error).toBeUndefined();
    expect(
      drive(
        server,
        times(40, () => one),
        takeOnly,
      ).error,
    ).toBe('ENHANCE_YOUR_CALM');
  });

  it.each(FLOODS)('bears many of %s that come with requests, or over time', (_, one) => {
    for (const timed of [true, false]) {
      const server = startServer({ controlFrameAllowance: 50 });
      drive(server, [headers(1, POST)]);
      for (let at = 1; at < 300; at += 1) {
        if (timed) server.tick();
        const played = drive(server, timed ? [one] : [request(at), one], answer);
        expect(played.error).toBeUndefined();
      }
    }
  });

  it('ends a flood of wide windows for a stream that is gone, which no overflow would end', () => {
    const server = startServer({ controlFrameAllowance: 50 });
    drive(server, [headers(1, POST), reset(1)], takeOnly);
    const updates = times(100, () => windowUpdate(1, 65_535));
    expect(drive(server, updates, takeOnly).error).toBe('ENHANCE_YOUR_CALM');
  });

  it('ends rapid resets (CVE-2023-44487), while the same number of finished calls is welcome', () => {
    const rapid = (at: number) => Buffer.concat([request(at), reset(2 * at + 1)]);
    const options = { resetAllowance: 50, controlFrameAllowance: 100_000 };
    expect(drive(startServer(options), times(50, rapid)).error).toBeUndefined();
    expect(drive(startServer(options), times(51, rapid)).error).toBe('ENHANCE_YOUR_CALM');
    expect(drive(startServer(options), times(500, request), answer).error).toBeUndefined();
    const cancelled = (at: number) => (at % 2 === 0 ? request(at) : rapid(at));
    expect(drive(startServer(options), times(500, cancelled), answer).error).toBeUndefined();
  });

  it('bears resets of calls whose answer has begun: an agent that has read enough of a stream stops it', () => {
    const begin: React = (event, server) => {
      if (event.type === 'request-head') server.sendHead(event.stream, OK, false);
      server.takeOutput();
    };
    const server = startServer({ resetAllowance: 50 });
    for (let at = 0; at < 500; at += 1) {
      expect(drive(server, [request(at)], begin).error).toBeUndefined();
      expect(drive(server, [reset(2 * at + 1)], takeOnly).error).toBeUndefined();
    }
  });

  it('counts resets that the peer makes us send (CVE-2025-8671)', () => {
    const provoked = (at: number) => Buffer.concat([request(at), windowUpdate(2 * at + 1, 0)]);
    const played = drive(startServer({ resetAllowance: 50 }), times(60, provoked));
    expect(played.error).toBe('ENHANCE_YOUR_CALM');
  });

  it('5.1.2 refuses streams above the limit, and takes others when some are over', () => {
    const server = startServer({ maxConcurrentStreams: 2 });
    const played = drive(server, times(3, request));
    expect(played.events.at(-1)).toBe('reset 5 REFUSED_STREAM by us');
    expect(played.output).toEqual(['RST_STREAM 5 REFUSED_STREAM']);
    server.sendHead(1, OK, true);
    expect(drive(server, [request(3)]).events).toEqual(['request 7 GET https://a.example/', 'end 7']);
  });

  it('counts a stream until its body was consumed', () => {
    const server = startServer({ maxConcurrentStreams: 1 });
    server.receive(Buffer.concat([headers(1, POST), data(1, 'abc', END_STREAM)]));
    while (server.next() !== undefined);
    server.sendHead(1, OK, true);
    expect(server.openStreams).toBe(1);
    server.consume(1, 3);
    expect(server.openStreams).toBe(0);
  });

  it.each([
    ['octets of a block (CVE-2024-27316)', { maxHeaderBlockBytes: 100 }, Buffer.alloc(60), 2],
    ['frames of a block', { maxContinuations: 3 }, Buffer.alloc(1), 5],
    ['empty CONTINUATION frames', {}, Buffer.alloc(0), 1],
  ])('10.5.1 limits %s', (_, options, part, count) => {
    const frames = [frame(FrameType.HEADERS, 0, 1, block(GET).subarray(0, 10))];
    for (let at = 0; at < count; at += 1) frames.push(frame(FrameType.CONTINUATION, 0, 1, part));
    const played = drive(startServer(options), frames);
    expect(played.error).toBe('ENHANCE_YOUR_CALM');
  });

  it('limits the block in HEADERS alone, before it is there', () => {
    const played = drive(startServer({ maxHeaderBlockBytes: 100 }), [
      frame(FrameType.HEADERS, END_HEADERS, 1, Buffer.alloc(101)).subarray(0, 9),
    ]);
    expect(played.error).toBe('ENHANCE_YOUR_CALM');
  });

  it.each([
    ['acknowledgements of PING', () => PING],
    ['acknowledgements of SETTINGS', () => settings()],
    ['resets', (at: number) => Buffer.concat([request(at), windowUpdate(2 * at + 1, 0)])],
  ])('bounds what a peer that does not read can provoke: %s', (_, one) => {
    const server = startServer({ maxUntakenReplyBytes: 1_000, resetAllowance: 1_000 });
    const frames = times(250, one);
    expect(drive(server, frames.slice(0, 50)).error).toBeUndefined();
    expect(drive(server, frames.slice(50, 100)).error).toBeUndefined();
    expect(drive(server, frames.slice(100)).error).toBe('ENHANCE_YOUR_CALM');
    expect(server.bufferedBytes).toBeLessThan(2_000);
  });

  it.each([
    ['empty DATA on a stream that we reset', () => data(1, '')],
    ['HEADERS on a stream that we reset', () => headers(1, [['x-t', 'a']], END_STREAM)],
    ['requests behind our GOAWAY', (at: number) => request(at + 1)],
  ])('ends a flood of %s', (_, one) => {
    const server = startServer({ controlFrameAllowance: 50 });
    drive(server, [headers(1, POST)]);
    server.reset(1, 'CANCEL');
    server.shutdown();
    const frames = times(100, one);
    expect(drive(server, frames.slice(0, 40), takeOnly)).toMatchObject({ events: [], error: undefined });
    expect(drive(server, frames.slice(40), takeOnly).error).toBe('ENHANCE_YOUR_CALM');
  });

  it('bears an upstream that resets every call: what it costs is the callers own', () => {
    const client = startClient(['GET', 'GET', 'GET', 'GET'], { resetAllowance: 2 });
    const resets = times(4, (at) => reset(2 * at + 1));
    expect(drive(client, resets)).toMatchObject({ events: { length: 4 }, error: undefined });
  });

  it('ends windows that make many small frames of a body (CVE-2019-9511)', () => {
    const server = startServer({ controlFrameAllowance: 50 });
    drive(server, [settings([4, 0]), request(0)]);
    server.sendHead(1, OK, false);
    server.sendData(1, Buffer.alloc(1_000));
    const played = drive(
      server,
      times(100, () => windowUpdate(1, 1)),
      takeOnly,
    );
    expect(played.error).toBe('ENHANCE_YOUR_CALM');
  });

  it.each(['server', 'client'] as const)(
    'carries 100 MB to a peer that credits what it reads in small steps (%s)',
    (role) => {
      // Go's net/http does so from 4 KiB on, for the stream and for the connection; others by the DATA frame.
      for (const [frameBytes, credit] of [
        [16_384, 4_096],
        [65_536, 16_384],
        [1_000, 1_000],
      ] as const) {
        expect(transfer(role, credit < 4_096 ? 10_000_000 : 100_000_000, frameBytes, credit)).toBeUndefined();
      }
    },
  );

  it('bears a slow reader whose window is used up, and which opens it by each short read', () => {
    const server = startServer({ controlFrameAllowance: 50 });
    drive(server, [settings([4, 0]), windowUpdate(0, 1_000_000), request(0)]);
    server.sendHead(1, OK, false);
    server.sendData(1, Buffer.alloc(512_000));
    const reads = times(900, () => windowUpdate(1, 512));
    expect(drive(server, reads, takeOnly).error).toBeUndefined();
  });

  it.each(['server', 'client'] as const)(
    'ends a transfer that is credited octet by octet (CVE-2019-9511, %s)',
    (role) => {
      expect(transfer(role, 1_000_000, 16_384, 1)).toBe('ENHANCE_YOUR_CALM');
    },
  );

  it('keeps bounded memory of streams that were reset', () => {
    const server = startServer({ resetAllowance: 1e6, controlFrameAllowance: 1e6, maxUntakenReplyBytes: 1e9 });
    const count = 3_000;
    drive(
      server,
      times(count, (at) => headers(2 * at + 1, [['x', 'y']], END_STREAM)),
    );
    // All were reset by us: what the peer sent before it knew stays tolerated.
    for (const at of [0, 10, 2_000, count - 1]) {
      expect(drive(server, [data(2 * at + 1, 'abc')])).toEqual({ events: [], output: [], error: undefined });
    }
  });

  it('throws one error from then on', () => {
    const server = startServer();
    drive(server, [PING.subarray(0, 9), Buffer.alloc(8), data(1, 'a')]);
    const caught: unknown[] = [];
    for (let time = 0; time < 2; time += 1) {
      try {
        server.next();
      } catch (error) {
        caught.push(error);
      }
    }
    expect(caught[0]).toBeInstanceOf(Http2Error);
    expect(caught[0]).toBe(caught[1]);
    expect(server.canOpen).toBe(false);
  });
});
