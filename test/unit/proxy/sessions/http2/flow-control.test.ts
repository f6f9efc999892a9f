import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import type { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import {
  cutFrames,
  describeFrame,
  END_STREAM,
  GET,
  headers,
  reset,
  settings,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import { drive, pull, startServer, written } from '../../../../support/protocols/http2-play.ts';

const OK = { status: 200, headers: new HeaderList() };

/** A server that owes so many GET requests an answer, under these settings of the client. */
function serverOwing(streams: number, ...entries: [number, number][]): Http2Connection {
  const server = startServer();
  pull(
    server,
    settings(...entries),
    ...Array.from({ length: streams }, (_, at) => headers(2 * at + 1, GET, END_STREAM)),
  );
  for (let at = 0; at < streams; at += 1) server.sendHead(2 * at + 1, OK, false);
  server.takeOutput();
  return server;
}

describe('what we may send, RFC 9113 5.2 and 6.9', () => {
  it('fits frames to the size that the peer takes', () => {
    const server = serverOwing(1);
    expect(server.sendData(1, Buffer.alloc(40_000))).toBe(true);
    server.sendEnd(1);
    expect(written(server)).toEqual(['DATA 1 16384', 'DATA 1 16384', 'DATA 1 7232 END']);
  });

  it('sends pieces that leave together as one frame, up to the size that the peer takes', () => {
    const server = serverOwing(2);
    for (const size of [6, 4, 27]) server.sendData(1, Buffer.alloc(size, 'a'));
    server.sendData(3, Buffer.alloc(20_000));
    for (const size of [16_380, 4, 1]) server.sendData(3, Buffer.alloc(size));
    server.sendEnd(1);
    const [first, ...more] = cutFrames(Buffer.concat(server.takeOutput()));
    expect(first?.payload.toString()).toBe('a'.repeat(37));
    const sizes = ['DATA 3 16384', 'DATA 3 3616', 'DATA 3 16384', 'DATA 3 1', 'DATA 1 0 END'];
    expect(more.map(describeFrame)).toEqual(sizes);
  });

  it('adds nothing to a head', () => {
    for (let size = 0; size < 1_000; size += 1) {
      const server = startServer();
      pull(server, headers(1, GET, END_STREAM), headers(3, GET, END_STREAM));
      server.sendHead(1, OK, false);
      server.sendData(1, Buffer.alloc(580));
      server.sendHead(3, { status: 200, headers: new HeaderList(['x', 'v'.repeat(size)]) }, false);
      server.sendData(3, Buffer.alloc(3));
      expect(written(server).slice(-3)).toEqual(['DATA 1 580', 'HEADERS 3', 'DATA 3 3']);
    }
  });

  it('adds nothing to a frame that was taken, or ends its stream', () => {
    const server = serverOwing(1);
    server.sendData(1, Buffer.alloc(5));
    expect(written(server)).toEqual(['DATA 1 5']);
    server.sendData(1, Buffer.alloc(0));
    server.sendData(1, Buffer.alloc(6));
    server.sendEnd(1);
    expect(written(server)).toEqual(['DATA 1 6 END']);
  });

  it('stays within the window of the stream, and says when more may come', () => {
    const server = serverOwing(1, [4, 10]);
    expect(server.sendData(1, Buffer.alloc(25))).toBe(false);
    expect(server.queuedBytes(1)).toBe(15);
    expect(drive(server, [windowUpdate(1, 10)])).toMatchObject({ events: [], output: ['DATA 1 20'] });
    expect(drive(server, [windowUpdate(1, 10)])).toMatchObject({ events: ['writable 1'], output: ['DATA 1 5'] });
    expect(server.sendData(1, Buffer.alloc(5))).toBe(true);
  });

  it('stays within the window of the connection, and serves streams in turn', () => {
    const server = serverOwing(3, [4, 1_000_000]);
    expect(server.sendData(1, Buffer.alloc(65_535))).toBe(true);
    for (const stream of [1, 3, 5]) expect(server.sendData(stream, Buffer.alloc(20_000))).toBe(false);
    written(server);
    const { output } = drive(server, [windowUpdate(0, 50_000)]);
    expect(output).toEqual(['DATA 1 16384', 'DATA 3 16384', 'DATA 5 16384', 'DATA 1 848']);
    expect(drive(server, [windowUpdate(0, 50_000)]).events).toEqual(['writable 3', 'writable 5', 'writable 1']);
    expect(server.bufferedBytes).toBe(0);
  });

  it('goes past streams whose own window is closed, which stay first in turn', () => {
    const server = serverOwing(3, [4, 20_000]);
    for (const stream of [1, 3, 5]) server.sendData(stream, Buffer.alloc(40_000));
    written(server);
    expect(drive(server, [windowUpdate(0, 100_000), windowUpdate(3, 20_000), windowUpdate(5, 100)]).output).toEqual([
      'DATA 3 16384',
      'DATA 3 3616',
      'DATA 5 100',
    ]);
    const end = drive(server, [settings([4, 36_384])]);
    expect(end.output.filter((line) => line !== 'SETTINGS ACK')).toEqual(['DATA 1 16384', 'DATA 5 16384']);
  });

  it('serves first who waited longest, when a round ends in its middle', () => {
    const server = serverOwing(3, [4, 1_000_000]);
    server.sendData(1, Buffer.alloc(65_535));
    for (const stream of [1, 3, 5]) server.sendData(stream, Buffer.alloc(50_000));
    written(server);
    expect(drive(server, [windowUpdate(0, 16_384)]).output).toEqual(['DATA 1 16384']);
    expect(drive(server, [windowUpdate(0, 16_384)]).output).toEqual(['DATA 3 16384']);
    expect(drive(server, [windowUpdate(0, 32_768)]).output).toEqual(['DATA 5 16384', 'DATA 1 16384']);
  });

  it('ends streams with their last frame, and forgets those that are reset while they wait', () => {
    const server = serverOwing(3, [4, 1_000_000]);
    server.sendData(1, Buffer.alloc(65_535));
    for (const stream of [1, 3, 5]) {
      server.sendData(stream, Buffer.alloc(10));
      server.sendEnd(stream);
    }
    written(server);
    server.reset(3, 'CANCEL');
    const { output } = drive(server, [reset(5, 8), windowUpdate(0, 1_000)]);
    expect(output).toEqual(['RST_STREAM 3 CANCEL', 'DATA 1 10 END']);
    expect(server.openStreams).toBe(0);
    expect(server.bufferedBytes).toBe(0);
  });

  it('serves a thousand streams, each as often as any other, and loses none that go meanwhile', () => {
    const count = 1_000;
    const server = startServer({ maxConcurrentStreams: count });
    pull(server, settings([4, 1_000_000]));
    for (let at = 0; at < count; at += 1) pull(server, headers(2 * at + 1, GET, END_STREAM));
    for (let at = 0; at < count; at += 1) server.sendHead(2 * at + 1, OK, false);
    server.sendData(1, Buffer.alloc(65_535));
    for (let at = 0; at < count; at += 1) server.sendData(2 * at + 1, Buffer.alloc(32_768));
    written(server);
    const frames = new Map<string, number>();
    for (let round = 0; round < 4; round += 1) {
      const { output } = drive(server, [windowUpdate(0, (16_384 * count) / 4)]);
      for (const line of output) frames.set(line, (frames.get(line) ?? 0) + 1);
      // From either side, those that wait and those that were served.
      server.reset(2 * round + 1, 'CANCEL');
      pull(server, reset(2 * (count - round) - 1, 8));
    }
    const lines = [...frames].filter(([line]) => line.startsWith('DATA'));
    expect(lines).toHaveLength(count - 3);
    // Three went unserved, so that the first of those that were served and are left come round again.
    const twice = lines.filter(([, times]) => times > 1);
    expect(twice).toEqual(['DATA 7 16384', 'DATA 9 16384', 'DATA 11 16384'].map((line) => [line, 2]));
    expect(server.openStreams).toBe(count - 8);
  });

  it('6.9.2 follows a changed initial window, also below zero', () => {
    const server = serverOwing(1, [4, 100]);
    server.sendData(1, Buffer.alloc(100));
    server.sendData(1, Buffer.alloc(50));
    written(server);
    expect(drive(server, [settings([4, 20]), windowUpdate(1, 80)]).output).toEqual(['SETTINGS ACK']);
    expect(drive(server, [windowUpdate(1, 1)]).output).toEqual(['DATA 1 1']);
    expect(drive(server, [settings([4, 1_000])]).output).toEqual(['SETTINGS ACK', 'DATA 1 49']);
  });

  it('keeps the end and its trailers behind the body that waits', () => {
    const server = serverOwing(2, [4, 5]);
    for (const stream of [1, 3]) server.sendData(stream, Buffer.alloc(8));
    server.sendEnd(1, HeaderList.from([['grpc-status', '0']]));
    server.sendEnd(3);
    written(server);
    expect(server.openStreams).toBe(2);
    expect(drive(server, [windowUpdate(1, 9), windowUpdate(3, 9)])).toMatchObject({
      events: [],
      output: ['DATA 1 3', 'HEADERS 1 END', 'DATA 3 3 END'],
    });
    expect(server.openStreams).toBe(0);
  });

  it('copies what it is lent, and drops it when the stream is reset', () => {
    const server = serverOwing(1, [4, 2]);
    const lent = Buffer.from('abcdef');
    server.sendData(1, lent);
    lent.fill(0);
    const { output } = drive(server, [reset(1)]);
    expect(output).toEqual(['DATA 1 2']);
    expect(server.bufferedBytes).toBe(0);
    expect(server.sendData(1, lent)).toBe(true);
  });

  it('ends with the last frame where that is not taken, and with an empty one where it is', () => {
    const server = serverOwing(3);
    server.sendEnd(1);
    server.sendData(3, Buffer.from('a'));
    server.sendEnd(3);
    server.sendData(5, Buffer.from('a'));
    expect(written(server)).toEqual(['DATA 1 0 END', 'DATA 3 1 END', 'DATA 5 1']);
    server.sendEnd(5, new HeaderList());
    expect(written(server)).toEqual(['DATA 5 0 END']);
  });
});
