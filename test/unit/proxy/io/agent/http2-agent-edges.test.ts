import { expect, test, vi } from 'vitest';
import { Http2Connection } from '../../../../../proxy/sessions/http2/connection.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { agentSide, pending, refused } from '../../../../support/protocols/http2-agent-side.ts';
import {
  CLIENT_START,
  cutFrames,
  data,
  frame,
  headers,
  PING,
  POST,
  settings,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

/** What a mutant of the connection got away with. */

const NO_WINDOW = settings([4, 0]);
const BROKEN = frame(0, 0, 0, 'DATA of no stream');
const RESET = frame(3, 0, 1, Buffer.from([0, 0, 0, 8]));

test('says before it hears anything that it takes WebSockets (RFC 8441 section 3)', async () => {
  const side = agentSide();
  await turnEnd();
  const [first] = cutFrames(side.written());
  const pairs = Array.from({ length: (first?.payload.length ?? 0) / 6 }, (_, at) => [
    first?.payload.readUInt16BE(6 * at),
    first?.payload.readUInt32BE(6 * at + 2),
  ]);
  expect(first?.type).toBe(4);
  expect(pairs).toContainEqual([8, 1]);
});

test('pings of one second are not taken in a late second either', async () => {
  const side = agentSide({ headerTimeoutMs: 1_000_000 });
  side.socket.push(CLIENT_START);
  side.now = 5_000;
  for (let read = 0; read < 300; read += 1) {
    side.socket.push(Buffer.concat(Array.from({ length: 10 }, () => PING)));
    await turnEnd();
  }
  expect(side.told().at(-1)).toBe('GOAWAY 0 ENHANCE_YOUR_CALM');
});

test('what comes once the connection is closing is not kept', async () => {
  const side = agentSide();
  side.takes = false;
  side.socket.push(Buffer.concat([CLIENT_START, BROKEN]));
  await turnEnd();
  const receive = vi.spyOn(Http2Connection.prototype, 'receive');
  side.socket.push(pending(1));
  await turnEnd();
  expect(receive).not.toHaveBeenCalled();
  receive.mockRestore();
});

test.each([
  ['too much of its body', data(1, 'more than a byte')],
  ['a reset', RESET],
])('a call whose answer waits has one record, though it is followed by %s', async (_what, rest) => {
  const side = agentSide();
  const pairs = POST.map(([name, value]): [string, string] => [name, name === ':authority' ? 'other.example' : value]);
  const head = headers(1, [...pairs, ['content-length', '1']]);
  side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, head]));
  await turnEnd();
  side.socket.push(rest);
  await turnEnd();
  expect(side.reasons).toEqual(['destination-mismatch']);
});

test('a head that is refused by itself is a call, and has a record', async () => {
  const side = agentSide({ http2: { ...DEFAULT_LIMITS.http2, maxConcurrentStreams: 1 } });
  const malformed = headers(5, [...POST, ['X-Upper', 'a']]);
  side.socket.push(Buffer.concat([CLIENT_START, pending(1), pending(3), malformed]));
  await turnEnd();
  await turnEnd();
  expect(side.reasons).toEqual(['overloaded', 'bad-request']);
});

test('a call that is over has no second record when the agent resets it', async () => {
  const side = agentSide();
  side.socket.push(Buffer.concat([CLIENT_START, refused(1)]));
  await turnEnd();
  side.socket.push(RESET);
  await turnEnd();
  expect(side.reasons).toEqual(['destination-mismatch']);
});

test('a call that ends starts no clock while another one runs', async () => {
  const side = agentSide();
  side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
  await turnEnd();
  const [first] = [...side.live];
  side.socket.push(pending(3));
  await turnEnd();
  first?.cut('session-revoked');
  await turnEnd();
  expect(side.live.size).toBe(1);
  expect(side.connection.deadlineAt).toBe(Number.POSITIVE_INFINITY);
});

test('a connection stays when the last answer that waited has left', async () => {
  const side = agentSide();
  side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, refused(1)]));
  await turnEnd();
  side.socket.push(windowUpdate(1, 10_000));
  await turnEnd();
  expect(side.told().filter((text) => text.endsWith('END'))).toHaveLength(1);
  expect(side.socket.writableEnded).toBe(false);
});

test('a socket that takes more is given more, though nothing else happens', async () => {
  const side = agentSide({ highWaterBytes: 1_000_000 });
  side.takes = false;
  side.socket.push(Buffer.concat([CLIENT_START, ...Array.from({ length: 200 }, (_, at) => refused(2 * at + 1))]));
  for (let turn = 0; turn < 1_000 && side.reasons.length < 200; turn += 1) await turnEnd();
  side.takes = true;
  side.takeAll();
  await turnEnd();
  expect(side.told().filter((text) => text.startsWith('HEADERS'))).toHaveLength(200);
});
