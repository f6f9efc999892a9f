import { describe, expect, it } from 'vitest';
import { FrameType, PREFACE } from '../../../../../proxy/protocols/http2/frames.ts';
import { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import {
  block,
  CLIENT_START,
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
  SETTINGS_ACK,
  uint32,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import { drive, startClient, startServer } from '../../../../support/protocols/http2-play.ts';

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, GOAWAY, WINDOW_UPDATE, CONTINUATION } = FrameType;
const PADDED = 0x8;
const HAS_PRIORITY = 0x20;
const open = headers(1, POST);
const whole = headers(1, GET, END_STREAM);
const get = block(GET);

/** [section, what, frames behind the client's opening ones, error of the connection] */
const BREAKING: [string, string, Buffer[], string][] = [
  ['4.2', 'a frame larger than allowed', [frame(DATA, 0, 1, Buffer.alloc(16_385))], 'FRAME_SIZE_ERROR'],
  ['4.2', 'a huge frame, by its header alone', [Buffer.from('ffffff000000000001', 'hex')], 'FRAME_SIZE_ERROR'],
  ['4.3', 'a block that cannot be decoded', [frame(HEADERS, END_HEADERS, 1, Buffer.from([0x80]))], 'COMPRESSION_ERROR'],
  ['5.1', 'DATA on an idle stream', [data(1, 'a')], 'PROTOCOL_ERROR'],
  ['5.1', 'RST_STREAM on an idle stream', [reset(1)], 'PROTOCOL_ERROR'],
  ['5.1', 'WINDOW_UPDATE on an idle stream', [windowUpdate(1, 1)], 'PROTOCOL_ERROR'],
  ['5.1', 'HEADERS on a stream that the peer reset', [open, reset(1), headers(1, POST)], 'STREAM_CLOSED'],
  ['5.1', 'DATA on a stream that the peer reset', [open, reset(1), data(1, 'a')], 'STREAM_CLOSED'],
  ['5.1.1', 'an even stream from a client', [headers(2, GET, END_STREAM)], 'PROTOCOL_ERROR'],
  ['5.1.1', 'a stream below an earlier one', [headers(3, GET, END_STREAM), whole], 'STREAM_CLOSED'],
  ['6.1', 'DATA on stream 0', [data(0, 'a')], 'PROTOCOL_ERROR'],
  ['6.1', 'DATA with padding as long as itself', [open, frame(DATA, PADDED, 1, '\x01')], 'PROTOCOL_ERROR'],
  ['6.1', 'DATA without its length of padding', [open, frame(DATA, PADDED, 1)], 'PROTOCOL_ERROR'],
  ['6.2', 'HEADERS on stream 0', [headers(0, GET)], 'PROTOCOL_ERROR'],
  ['6.2', 'HEADERS with too much padding', [frame(HEADERS, END_HEADERS | PADDED, 1, '\x05\x82')], 'PROTOCOL_ERROR'],
  [
    '6.2',
    'HEADERS without their priority',
    [frame(HEADERS, END_HEADERS | HAS_PRIORITY, 1, 'abcd')],
    'FRAME_SIZE_ERROR',
  ],
  ['6.3', 'PRIORITY on stream 0', [frame(PRIORITY, 0, 0, '12345')], 'PROTOCOL_ERROR'],
  ['6.3', 'PRIORITY of 4 octets on an idle stream', [frame(PRIORITY, 0, 1, '1234')], 'FRAME_SIZE_ERROR'],
  ['6.4', 'RST_STREAM on stream 0', [reset(0)], 'PROTOCOL_ERROR'],
  ['6.4', 'RST_STREAM of 3 octets', [open, frame(RST_STREAM, 0, 1, '123')], 'FRAME_SIZE_ERROR'],
  ['6.5', 'SETTINGS on a stream', [frame(SETTINGS, 0, 1)], 'PROTOCOL_ERROR'],
  ['6.5', 'SETTINGS of 5 octets', [frame(SETTINGS, 0, 0, '12345')], 'FRAME_SIZE_ERROR'],
  ['6.5', 'an acknowledgement with settings', [frame(SETTINGS, 1, 0, '123456')], 'FRAME_SIZE_ERROR'],
  ['6.5.3', 'an acknowledgement too many', [SETTINGS_ACK, SETTINGS_ACK], 'PROTOCOL_ERROR'],
  ['6.5.2', 'ENABLE_PUSH of 2', [settings([2, 2])], 'PROTOCOL_ERROR'],
  ['6.5.2', 'INITIAL_WINDOW_SIZE of 2^31', [settings([4, 0x8000_0000])], 'FLOW_CONTROL_ERROR'],
  ['6.5.2', 'MAX_FRAME_SIZE of 16383', [settings([5, 16_383])], 'PROTOCOL_ERROR'],
  ['6.5.2', 'MAX_FRAME_SIZE of 2^24', [settings([5, 16_777_216])], 'PROTOCOL_ERROR'],
  ['RFC 8441 3', 'ENABLE_CONNECT_PROTOCOL of 2', [settings([8, 2])], 'PROTOCOL_ERROR'],
  ['RFC 8441 3', 'ENABLE_CONNECT_PROTOCOL taken back', [settings([8, 1]), settings([8, 0])], 'PROTOCOL_ERROR'],
  ['6.6', 'PUSH_PROMISE from a client', [open, frame(PUSH_PROMISE, END_HEADERS, 1, uint32(2))], 'PROTOCOL_ERROR'],
  ['6.7', 'PING on a stream', [frame(FrameType.PING, 0, 1, '12345678')], 'PROTOCOL_ERROR'],
  ['6.7', 'PING of 7 octets', [frame(FrameType.PING, 0, 0, '1234567')], 'FRAME_SIZE_ERROR'],
  ['6.8', 'GOAWAY on a stream', [frame(GOAWAY, 0, 1, uint32(0, 0))], 'PROTOCOL_ERROR'],
  ['6.8', 'GOAWAY of 7 octets', [frame(GOAWAY, 0, 0, '1234567')], 'FRAME_SIZE_ERROR'],
  [
    '6.8',
    'GOAWAY that takes back',
    [frame(GOAWAY, 0, 0, uint32(1, 0)), frame(GOAWAY, 0, 0, uint32(3, 0))],
    'PROTOCOL_ERROR',
  ],
  ['6.9', 'WINDOW_UPDATE of 0 on the connection', [windowUpdate(0, 0)], 'PROTOCOL_ERROR'],
  ['6.9', 'WINDOW_UPDATE of 3 octets', [frame(WINDOW_UPDATE, 0, 0, '123')], 'FRAME_SIZE_ERROR'],
  ['6.9.1', 'a connection window above 2^31-1', [windowUpdate(0, 0x7fff_ffff)], 'FLOW_CONTROL_ERROR'],
  [
    '6.9.2',
    'a stream window above 2^31-1 by settings',
    [open, windowUpdate(1, 0x7fff_0000), settings([4, 0x20000])],
    'FLOW_CONTROL_ERROR',
  ],
  ['6.10', 'CONTINUATION without HEADERS', [frame(CONTINUATION, END_HEADERS, 1, get)], 'PROTOCOL_ERROR'],
  ['6.10', 'CONTINUATION behind the end of a block', [open, frame(CONTINUATION, END_HEADERS, 1)], 'PROTOCOL_ERROR'],
  [
    '6.10',
    'CONTINUATION of another stream',
    [frame(HEADERS, 0, 1, get), frame(CONTINUATION, END_HEADERS, 3)],
    'PROTOCOL_ERROR',
  ],
  ['6.10', 'DATA inside a block', [frame(HEADERS, 0, 1, get), data(1, 'a')], 'PROTOCOL_ERROR'],
  ['6.10', 'PING inside a block', [frame(HEADERS, 0, 1, get), PING], 'PROTOCOL_ERROR'],
  ['5.5', 'an unknown frame inside a block', [frame(HEADERS, 0, 1, get), frame(0x42, 0, 1)], 'PROTOCOL_ERROR'],
];

/** [section, what, frames, error of stream 1] */
const RESETTING: [string, string, Buffer[], string][] = [
  ['5.1', 'DATA behind END_STREAM', [whole, data(1, 'a')], 'STREAM_CLOSED'],
  ['5.1', 'HEADERS behind END_STREAM', [whole, headers(1, [], END_STREAM)], 'STREAM_CLOSED'],
  ['6.3', 'PRIORITY of 4 octets', [open, frame(PRIORITY, 0, 1, '1234')], 'FRAME_SIZE_ERROR'],
  ['6.9', 'WINDOW_UPDATE of 0', [open, windowUpdate(1, 0)], 'PROTOCOL_ERROR'],
  ['6.9.1', 'a stream window above 2^31-1', [open, windowUpdate(1, 0x7fff_ffff)], 'FLOW_CONTROL_ERROR'],
];

/** [section, what, frames, events, output] */
const TAKEN: [string, string, Buffer[], string[], string[]][] = [
  ['6.1', 'padding', [open, frame(DATA, PADDED | END_STREAM, 1, '\x02ab\0\0')], ['body 1 ab', 'end 1'], []],
  ['6.1', 'nothing but padding', [open, frame(DATA, PADDED, 1, '\x01\0')], [], []],
  ['6.3', 'PRIORITY anywhere', [frame(PRIORITY, 0, 9, '12345'), open], [], []],
  ['5.5', 'unknown frames', [frame(0x42, 0xff, 7, 'abc'), open], [], []],
  ['6.5.2', 'unknown settings', [settings([0x99, 1]), open], ['settings'], ['SETTINGS ACK']],
  ['6.7', 'PING', [open, PING], [], ['PING ACK']],
  ['6.7', 'an answer to no PING', [open, frame(FrameType.PING, 1, 0, '12345678')], [], []],
  ['4.1', 'the reserved bit', [open, frame(DATA, END_STREAM, 0x8000_0001, 'a')], ['body 1 a', 'end 1'], []],
  [
    '5.1',
    'WINDOW_UPDATE and RST_STREAM on a closed stream',
    [open, reset(1), windowUpdate(1, 1), reset(1)],
    ['reset 1 CANCEL by peer'],
    [],
  ],
  [
    '6.8',
    'GOAWAY from a client',
    [open, frame(GOAWAY, 0, 0, uint32(0, 0)), data(1, 'a')],
    ['goaway NO_ERROR', 'body 1 a'],
    [],
  ],
];

describe('frames, RFC 9113 4 to 6', () => {
  it.each(BREAKING)('%s closes the connection on %s', (_, __, frames, code) => {
    const server = startServer();
    const played = drive(server, frames);
    expect(played.error).toBe(code);
    expect(played.output.at(-1)).toMatch(new RegExp(`^GOAWAY \\d+ ${code}$`));
    expect(() => server.next()).toThrow();
    expect(server.takeOutput()).toEqual([]);
  });

  it.each(RESETTING)('%s resets the stream on %s', (_, __, frames, code) => {
    const played = drive(startServer(), [...frames, headers(3, GET, END_STREAM)]);
    expect(played.error).toBeUndefined();
    expect(played.output).toEqual([`RST_STREAM 1 ${code}`]);
    expect(played.events.slice(-3)).toEqual([`reset 1 ${code} by us`, 'request 3 GET https://a.example/', 'end 3']);
  });

  it.each(TAKEN)('%s takes %s', (_, __, frames, events, output) => {
    const played = drive(startServer(), frames);
    expect(played.error).toBeUndefined();
    expect(played.events.filter((event) => !event.startsWith('request'))).toEqual(events);
    expect(played.output).toEqual(output);
  });

  it('6.2, 6.10 takes a block in HEADERS with padding and priority, and CONTINUATION', () => {
    const first = Buffer.concat([Buffer.from([3]), Buffer.alloc(5), get.subarray(0, 7), Buffer.alloc(3)]);
    const played = drive(startServer(), [
      frame(HEADERS, END_STREAM | PADDED | HAS_PRIORITY, 1, first),
      frame(CONTINUATION, 0, 1, get.subarray(7, 20)),
      frame(CONTINUATION, END_HEADERS, 1, get.subarray(20)),
    ]);
    expect(played.events).toEqual(['request 1 GET https://a.example/', 'end 1']);
  });
});

describe('the beginning of a connection, RFC 9113 3.4', () => {
  const greet = (role: 'server' | 'client', ...pieces: Buffer[]) => drive(new Http2Connection(role), pieces);

  it.each([
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\n')],
    ['a preface that breaks off early', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\rX')],
    ['no SETTINGS', Buffer.concat([PREFACE, PING])],
    ['an acknowledgement for SETTINGS', Buffer.concat([PREFACE, SETTINGS_ACK])],
  ])('refuses %s', (_, bytes) => {
    const played = greet('server', bytes);
    expect(played.error).toBe('PROTOCOL_ERROR');
    expect(played.output.at(-1)).toBe('GOAWAY 0 PROTOCOL_ERROR');
  });

  it('says SETTINGS first, then widens the window of the connection', () => {
    expect(greet('server').output).toEqual(['SETTINGS', `WINDOW_UPDATE 0 ${2 ** 30 - 65_535}`]);
    expect(greet('server', CLIENT_START).output.at(-1)).toBe('SETTINGS ACK');
    const client = new Http2Connection('client');
    expect(Buffer.concat(client.takeOutput()).subarray(0, PREFACE.length)).toEqual(PREFACE);
  });
});

describe('a client, RFC 9113', () => {
  it.each([
    ['5.1.1', 'a response on a stream that it did not open', [headers(3, [[':status', '200']])], 'PROTOCOL_ERROR'],
    ['5.1.1', 'a stream of the server', [headers(2, GET)], 'PROTOCOL_ERROR'],
    ['6.5.2', 'ENABLE_PUSH of 1', [settings([2, 1])], 'PROTOCOL_ERROR'],
    ['8.4', 'PUSH_PROMISE', [frame(PUSH_PROMISE, END_HEADERS, 1, uint32(2))], 'PROTOCOL_ERROR'],
    ['5.1', 'a response behind its end', [headers(1, [[':status', '200']], END_STREAM), data(1, 'a')], 'STREAM_CLOSED'],
  ])('%s closes the connection on %s', (_, __, frames, code) => {
    expect(drive(startClient(['GET']), frames).error).toBe(code);
  });

  it('6.8 learns from GOAWAY which requests were not taken, and opens no more', () => {
    const client = startClient(['GET', 'GET', 'GET']);
    const ok = headers(3, [[':status', '200']], END_STREAM);
    const played = drive(client, [frame(GOAWAY, 0, 0, Buffer.concat([uint32(3, 0), Buffer.from('bye')])), ok]);
    expect(played.events).toEqual(['reset 5 REFUSED_STREAM by peer', 'goaway NO_ERROR', 'response 3 200', 'end 3']);
    expect([client.canOpen, client.exhausted, client.openStreams]).toEqual([false, true, 1]);
  });

  it('8.1 is told of a server that wants no more of the request', () => {
    const played = drive(startClient(['POST']), [headers(1, [[':status', '413']], END_STREAM), reset(1, 0)]);
    expect(played.events).toEqual(['response 1 413', 'end 1', 'reset 1 NO_ERROR by peer']);
  });
});
