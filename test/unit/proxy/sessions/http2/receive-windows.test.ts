import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { FrameType } from '../../../../../proxy/protocols/http2/frames.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import type { Http2Limits } from '../../../../../proxy/sessions/http2/limits.ts';
import {
  CLIENT_START,
  data,
  END_STREAM,
  frame,
  GET,
  headers,
  POST,
  SETTINGS_ACK,
  settings,
} from '../../../../support/protocols/http2-frames.ts';
import { drive, pull, startServer, written } from '../../../../support/protocols/http2-play.ts';

const OK = { status: 200, headers: new HeaderList() };

describe('what the peer may send, RFC 9113 5.2 and 6.9', () => {
  const window = { streamWindowBytes: 100_000 };

  it('gives credit back when half a window was consumed, and not before', () => {
    const server = startServer(window);
    pull(server, headers(1, POST), data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000)));
    server.consume(1, 32_000);
    expect(written(server)).toEqual([]);
    pull(server, ...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_000))));
    server.consume(1, 17_999);
    expect(written(server)).toEqual([]);
    server.consume(1, 1);
    expect(written(server)).toEqual(['WINDOW_UPDATE 1 50000']);
    server.consume(1, 999_999);
    expect(written(server)).toEqual([]);
  });

  it('gives back 256 KiB of a wide window, which would be half as wide in effect', () => {
    const server = startServer({ streamWindowBytes: 4_194_304 });
    pull(server, SETTINGS_ACK, headers(1, POST), ...Array.from({ length: 17 }, () => data(1, Buffer.alloc(16_384))));
    server.consume(1, 262_143);
    expect(written(server)).toEqual([]);
    server.consume(1, 1);
    expect(written(server)).toEqual(['WINDOW_UPDATE 1 262144']);
  });

  const windows = { streamWindowBytes: 20_000, maxStreamWindowBytes: 400_000 };

  it('widens the window of a stream that is read, again and again, while there is something to spare', () => {
    const spare = new ByteBudget(6_000_000);
    const server = new Http2Connection('server', windows, spare);
    pull(server, CLIENT_START, SETTINGS_ACK);
    written(server);
    const read = (stream: number, bytes: number): string[] => {
      for (let left = bytes; left > 0; left -= 10_000) pull(server, data(stream, Buffer.alloc(Math.min(left, 10_000))));
      server.consume(stream, bytes);
      return written(server);
    };
    for (const stream of [1, 3, 5]) pull(server, headers(stream, POST));
    expect(read(1, 9_999)).toEqual([]);
    expect(read(1, 1)).toEqual(['WINDOW_UPDATE 1 70000']);
    expect(read(1, 39_999)).toEqual([]);
    expect(read(1, 1)).toEqual(['WINDOW_UPDATE 1 280000']);
    expect(read(1, 159_999)).toEqual([]);
    expect(read(1, 1)).toEqual(['WINDOW_UPDATE 1 240000']);
    expect(read(1, 200_000)).toEqual(['WINDOW_UPDATE 1 200000']);
    expect(spare.used).toBe(380_000);
    expect(spare.take(2_200_000)).toBe(true);
    // The next step is more than an eighth of what is left of a half.
    expect(read(3, 10_000)).toEqual(['WINDOW_UPDATE 3 10000']);
    server.reset(1, 'CANCEL');
    expect(spare.used).toBe(2_200_000);
    expect(read(3, 10_000)).toEqual(['RST_STREAM 1 CANCEL', 'WINDOW_UPDATE 3 70000']);
    expect(read(3, 40_000)).toEqual(['WINDOW_UPDATE 3 40000']);
    server.sendHead(3, OK, true);
    pull(server, data(3, 'x', END_STREAM));
    expect(spare.used).toBe(2_260_000);
    server.consume(3, 1);
    expect(spare.used).toBe(2_200_000);
    read(5, 10_000);
    expect(spare.used).toBe(2_260_000);
    server.abandon();
    expect([spare.used, server.openStreams]).toEqual([2_200_000, 0]);
  });

  const startedClient = (
    options: Partial<Http2Limits>,
    spare: ByteBudget,
  ): { open: () => string[]; client: Http2Connection } => {
    const client = new Http2Connection('client', options, spare);
    pull(client, settings(), SETTINGS_ACK);
    written(client);
    const head = { method: 'GET', scheme: 'https', authority: 'a.example', path: '/', headers: new HeaderList() };
    return { client, open: () => (client.open(head, true), written(client).slice(1)) };
  };

  it('lets an answer begin with more than the first window, while there is much to spare', () => {
    const spare = new ByteBudget(1_400_000);
    const { client, open } = startedClient(windows, spare);
    for (const id of [1, 3, 5, 7]) expect(open()).toEqual([`WINDOW_UPDATE ${id} 60000`]);
    expect([open(), spare.used]).toEqual([[], 240_000]);
    const answer = (id: number, pieces: number): Buffer[] => [
      headers(id, [[':status', '200']]),
      ...Array.from({ length: pieces }, () => data(id, Buffer.alloc(10_000))),
    ];
    pull(client, ...answer(1, 8), ...answer(9, 2));
    expect(written(client)).toEqual([]);
    pull(client, data(1, 'x'), data(9, 'x'));
    expect(written(client)).toEqual(['RST_STREAM 1 FLOW_CONTROL_ERROR', 'RST_STREAM 9 FLOW_CONTROL_ERROR']);
    expect(spare.used).toBe(180_000);
    client.abandon();
    expect(spare.used).toBe(0);
  });

  it.each([10, 80_000])('widens nothing where the widest window is %i', (maxStreamWindowBytes) => {
    const { client, open } = startedClient({ streamWindowBytes: 80_000, maxStreamWindowBytes }, new ByteBudget(1e9));
    expect(open()).toEqual([]);
    pull(client, headers(1, [[':status', '200']]), ...Array.from({ length: 4 }, () => data(1, Buffer.alloc(10_000))));
    client.consume(1, 40_000);
    expect(written(client)).toEqual(['WINDOW_UPDATE 1 40000']);
  });

  it('lets no more come of all answers together than their first windows and half of the budget', () => {
    const { maxHeldBytes, http2 } = DEFAULT_LIMITS;
    const spare = new ByteBudget(maxHeldBytes);
    const clients = Array.from({ length: 10 }, () => startedClient(http2, spare));
    let granted = 0;
    const add = (lines: string[]): void => {
      for (const line of lines) granted += Number(/^WINDOW_UPDATE [1-9]\d* (\d+)$/.exec(line)?.[1] ?? 0);
    };
    for (const { open } of clients) for (let stream = 0; stream < 100; stream += 1) add(open());
    expect(granted).toBe(spare.used);
    expect(spare.used).toBeGreaterThan(0.9 * (maxHeldBytes / 2));
    // What is read of some makes room for as much, and no more.
    const [{ client }] = clients as [ReturnType<typeof startedClient>];
    for (let id = 1; id < 200; id += 2) {
      const bytes = Buffer.alloc(http2.streamWindowBytes / 4);
      pull(client, headers(id, [[':status', '200']]), ...Array.from({ length: 4 }, () => data(id, bytes)));
      client.consume(id, http2.streamWindowBytes);
      granted -= http2.streamWindowBytes;
    }
    add(written(client));
    expect(granted).toBeLessThanOrEqual(spare.used);
    expect(spare.used).toBeLessThanOrEqual(maxHeldBytes / 2);
  });

  it('opens the window of the connection again for what nobody consumes', () => {
    const server = startServer({ streamWindowBytes: 2 ** 30, maxFrameBytes: 2 ** 24 - 1 });
    const half = 2 ** 29;
    pull(server, headers(1, POST));
    const frame = data(1, Buffer.alloc(2 ** 24 - 1));
    for (let sent = 0; sent + frame.length - 9 <= half; sent += frame.length - 9) pull(server, frame);
    expect(written(server)).toEqual([]);
    pull(server, data(1, Buffer.alloc(33)));
    expect(written(server)).toEqual([`WINDOW_UPDATE 0 ${half + 1}`]);
  });

  it('6.9.1 resets a stream whose window is exceeded', () => {
    const server = startServer(window);
    pull(server, SETTINGS_ACK, headers(1, POST), ...Array.from({ length: 6 }, () => data(1, Buffer.alloc(16_384))));
    const played = drive(server, [data(1, Buffer.alloc(1_697))]);
    expect(played.events).toEqual(['reset 1 FLOW_CONTROL_ERROR by us']);
    expect(played.error).toBeUndefined();
  });

  it('6.9.2 bears the initial window until the peer has confirmed a smaller one', () => {
    const server = startServer({ streamWindowBytes: 10 });
    const early = drive(server, [headers(1, POST), data(1, Buffer.alloc(16_000))]);
    expect(early.events).toHaveLength(2);
    expect(drive(server, [SETTINGS_ACK, data(1, 'a')]).events).toEqual(['body 1 a']);
    // Of the stream that was open then, too, 9 are left.
    expect(drive(server, [data(1, Buffer.alloc(10))]).events).toEqual(['reset 1 FLOW_CONTROL_ERROR by us']);
    expect(drive(server, [headers(3, POST), data(3, Buffer.alloc(11))]).events[1]).toMatch('reset 3 FLOW_CONTROL');
  });

  it('6.1 gives padding back by itself', () => {
    const server = startServer(window);
    const padded = frame(FrameType.DATA, 0x8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]));
    const { output } = drive(server, [headers(1, POST), ...Array.from({ length: 200 }, () => padded)]);
    expect(output).toEqual(['WINDOW_UPDATE 1 50176']);
  });

  it('drops the rest of a frame whose stream is reset meanwhile', () => {
    const server = startServer();
    const whole = data(1, Buffer.alloc(1_000), END_STREAM);
    pull(server, headers(1, POST), whole.subarray(0, 500));
    server.reset(1, 'CANCEL');
    expect(pull(server, whole.subarray(500), headers(3, GET, END_STREAM))).toBe(2);
  });
});
