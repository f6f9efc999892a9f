import { describe, expect, it } from 'vitest';
import type { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import {
  data,
  END_STREAM,
  GET,
  headers,
  POST,
  settings,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import { drive, startClient, startServer } from '../../../../support/protocols/http2-play.ts';

const ALLOWANCE = 10;
/** A stream's window is the initial one until the peer confirms another. */
const LIMITS = { controlFrameAllowance: ALLOWANCE, streamWindowBytes: 65_535 };
/** What fits into it in frames of 50 octets, as a server sends them that flushes each line. */
const FITS = 1_310;
const OK = headers(1, [[':status', '200']]);

const pieces = (stream: number, count: number): Buffer[] =>
  Array.from({ length: count }, () => data(stream, 'x'.repeat(50)));

function server(): Http2Connection {
  const connection = startServer(LIMITS);
  drive(connection, [headers(1, POST)]);
  return connection;
}

describe('body of a stream that we reset, sent before the peer knew (RFC 9113 5.1)', () => {
  it('is no flood while it fits into the window that the stream had: the other streams go on', () => {
    const client = startClient(['GET', 'GET'], LIMITS);
    drive(client, [OK]);
    client.reset(1, 'CANCEL');
    expect(drive(client, pieces(1, FITS)).error).toBeUndefined();
    const other = headers(3, [[':status', '204']], END_STREAM);
    expect(drive(client, [other]).events).toEqual(['response 3 204', 'end 3']);
  });

  it('is none at a server either', () => {
    const connection = server();
    connection.reset(1, 'INTERNAL_ERROR');
    expect(drive(connection, pieces(1, FITS)).error).toBeUndefined();
  });

  it('is none of a stream that came behind our GOAWAY', () => {
    const connection = server();
    connection.shutdown();
    expect(drive(connection, [headers(3, POST), ...pieces(3, FITS)]).error).toBeUndefined();
  });

  it('is counted beyond that window, of which the stream had used a part', () => {
    const used = 310;
    const connection = server();
    drive(connection, pieces(1, used));
    connection.reset(1, 'INTERNAL_ERROR');
    expect(drive(connection, pieces(1, FITS - used)).error).toBeUndefined();
    expect(drive(connection, pieces(1, ALLOWANCE)).error).toBeUndefined();
    expect(drive(connection, pieces(1, 1)).error).toBe('ENHANCE_YOUR_CALM');
  });

  it('gives its window back to the connection', () => {
    const connection = startServer(LIMITS);
    // Each piece fits into no more than what was given back for those before.
    for (let id = 3, sent = 0; sent < 10_000_000; id += 2) {
      drive(connection, [headers(id, POST)]);
      connection.reset(id, 'INTERNAL_ERROR');
      expect(
        drive(
          connection,
          Array.from({ length: 3 }, () => data(id, Buffer.alloc(16_384))),
        ).error,
      ).toBeUndefined();
      sent += 3 * 16_384;
    }
  });
});

describe('WINDOW_UPDATE for a stream that is over, whose body the peer still reads', () => {
  /** Has sent 1,000,000 octets on stream 1 and ended it; 3 is open. */
  const sent = (): Http2Connection => {
    const connection = startServer(LIMITS);
    const wide = [settings([4, 1_000_000]), windowUpdate(0, 1_000_000)];
    drive(connection, [...wide, headers(1, GET, END_STREAM), headers(3, GET, END_STREAM)]);
    connection.sendHead(1, { status: 200, headers: new HeaderList() }, false);
    connection.sendData(1, Buffer.alloc(1_000_000));
    connection.sendEnd(1);
    connection.takeOutput();
    return connection;
  };
  const steps = Array.from({ length: 244 }, () => windowUpdate(1, 4_096));

  it("is no flood while it gives back what was sent: Go's net/http does so by 4 KiB, as its reader goes on", () => {
    expect(drive(sent(), steps).error).toBeUndefined();
  });

  it('is counted beyond that', () => {
    const connection = sent();
    drive(connection, steps);
    expect(drive(connection, steps.slice(0, ALLOWANCE)).error).toBeUndefined();
    expect(drive(connection, steps.slice(0, 1)).error).toBe('ENHANCE_YOUR_CALM');
  });
});
