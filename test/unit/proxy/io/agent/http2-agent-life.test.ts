import { describe, expect, test } from 'vitest';
import { agentSide, ELSEWHERE, pending, refused } from '../../../../support/protocols/http2-agent-side.ts';
import {
  CLIENT_START,
  frame,
  PING,
  headers,
  settings,
  windowUpdate,
} from '../../../../support/protocols/http2-frames.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

/** How an agent's HTTP/2 connection ends, and when. */

const LIMITS = { headerTimeoutMs: 1_000, agentIdleTimeoutMs: 4_000, bodyIdleTimeoutMs: 10_000 };
/** The agent gives no window, so that every body waits. */
const NO_WINDOW = settings([4, 0]);
const BROKEN = frame(0, 0, 0, 'DATA of no stream');

describe('an agent without a call', () => {
  test('has a while for its first one, none while one runs, and a while after the last', async () => {
    const side = agentSide(LIMITS);
    expect(side.connection.deadlineAt).toBe(1_000);
    side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(Number.POSITIVE_INFINITY);
    side.now = 500;
    for (const call of side.live) call.cut('session-revoked');
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(4_500);
  });

  test('is told that it ends, may read that, and is then cut off', async () => {
    const side = agentSide(LIMITS);
    side.takes = false;
    side.now = 999;
    side.connection.expire();
    expect(side.socket.writableEnded).toBe(false);
    side.now = 1_000;
    side.connection.expire();
    side.takeAll();
    expect(side.told()).toEqual(['GOAWAY 0 NO_ERROR']);
    expect(side.connection.deadlineAt).toBe(11_000);
    // Whatever else ends it gives it no more time.
    side.now = 5_000;
    side.connection.drain();
    expect(side.connection.deadlineAt).toBe(11_000);
    side.now = 11_000;
    side.connection.expire();
    expect(side.socket.destroyed).toBe(true);
  });

  test('that is broken has as long to read so, whatever calls and answers ended with it', async () => {
    const side = agentSide(LIMITS);
    side.takes = false;
    side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, refused(1), pending(3)]));
    await turnEnd();
    side.now = 2_000;
    side.socket.push(BROKEN);
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(12_000);
    expect(side.reasons).toEqual(['destination-mismatch', 'agent-closed']);
  });

  test('that is broken without a call has a record', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, BROKEN]));
    await turnEnd();
    expect(side.reasons).toEqual(['bad-request']);
    expect(side.told()).toEqual(['GOAWAY 0 PROTOCOL_ERROR']);
  });
});

describe('answers that wait for a window', () => {
  test('are given up one by one, each in its time', async () => {
    const side = agentSide({ ...LIMITS, agentIdleTimeoutMs: 20_000 });
    side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, refused(1)]));
    await turnEnd();
    side.now = 3_000;
    side.socket.push(refused(3));
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(10_000);
    side.now = 10_000;
    side.connection.expire();
    await turnEnd();
    expect(side.told().filter((text) => text.startsWith('RST'))).toEqual(['RST_STREAM 1 CANCEL']);
    expect(side.connection.deadlineAt).toBe(13_000);
  });

  test('keep no idle agent', async () => {
    const side = agentSide(LIMITS);
    side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, refused(1)]));
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(4_000);
  });

  test('are waited for in a drain, each in its turn', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, refused(1), refused(3)]));
    await turnEnd();
    await turnEnd();
    side.state.draining = true;
    side.connection.drain();
    side.socket.push(windowUpdate(1, 10_000));
    await turnEnd();
    expect(side.socket.writableEnded).toBe(false);
    side.socket.push(windowUpdate(3, 10_000));
    await turnEnd();
    expect(side.socket.writableEnded).toBe(true);
    expect(side.told().filter((text) => text.endsWith('END'))).toHaveLength(2);
  });

  test('are given up when the agent has ended its side, as no window comes any more', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, refused(1)]));
    side.socket.push(null);
    await turnEnd();
    await turnEnd();
    expect(side.socket.writableEnded).toBe(true);
  });

  test('whose request goes on: it is stopped a second after the answer has left, and not before', async () => {
    const side = agentSide();
    const request = headers(1, ELSEWHERE);
    side.socket.push(Buffer.concat([CLIENT_START, NO_WINDOW, request]));
    await turnEnd();
    side.socket.push(frame(0, 0, 1, 'some'));
    await turnEnd();
    expect(side.told()).toEqual(['HEADERS 1']);
    side.socket.push(windowUpdate(1, 10_000));
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(1_000);
    expect(side.told().at(-1)).toMatch(/^DATA 1 \d+ END$/);
    side.now = 1_000;
    side.connection.expire();
    await turnEnd();
    expect(side.told().at(-1)).toBe('RST_STREAM 1 NO_ERROR');
  });
});

describe('calls that run', () => {
  test('end in a drain as they would, and with the last of them the connection', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
    await turnEnd();
    side.state.draining = true;
    side.connection.drain();
    await turnEnd();
    expect(side.told()).toEqual(['GOAWAY 1 NO_ERROR']);
    expect(side.socket.writableEnded).toBe(false);
    for (const call of side.live) call.cut('draining');
    await turnEnd();
    expect(side.socket.writableEnded).toBe(true);
  });

  test('are answered when the agent has ended its side, and then it is closed', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
    side.socket.push(null);
    await turnEnd();
    expect(side.socket.writableEnded).toBe(false);
    for (const call of side.live) call.cut('session-revoked');
    await turnEnd();
    await turnEnd();
    expect(side.told().some((text) => text.startsWith('HEADERS 1'))).toBe(true);
    expect(side.socket.writableEnded).toBe(true);
  });

  test('end with the socket, each with one record; what was read but not begun has none', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, pending(1), pending(3)]));
    await new Promise((read) => process.nextTick(read));
    expect(side.live.size).toBe(1);
    side.socket.destroy();
    await turnEnd();
    await turnEnd();
    expect(side.reasons).toEqual(['agent-closed']);
    expect(side.live.size).toBe(0);
  });
});

test('a request that waits for its turn in a drain is refused, not dropped', async () => {
  const side = agentSide();
  side.socket.push(Buffer.concat([CLIENT_START, refused(1), refused(3)]));
  await new Promise((read) => process.nextTick(read));
  side.state.draining = true;
  side.connection.drain();
  await turnEnd();
  await turnEnd();
  expect(side.reasons).toEqual(['destination-mismatch', 'destination-mismatch']);
  expect(side.told().filter((text) => text.startsWith('HEADERS'))).toHaveLength(2);
  expect(side.socket.writableEnded).toBe(true);
});

test('a bug in beginning a call ends the connection, with a record', async () => {
  const side = agentSide();
  side.live.add = () => {
    throw new Error('a bug');
  };
  side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
  await turnEnd();
  expect(side.reasons).toEqual(['internal-error']);
  expect(side.socket.destroyed).toBe(true);
});

describe('pings (CVE-2019-9512)', () => {
  test('of every second are taken for as long as the connection lives', async () => {
    const side = agentSide({ headerTimeoutMs: 1_000_000 });
    side.socket.push(CLIENT_START);
    for (let second = 1; second <= 300; second += 1) {
      side.now = 1_000 * second;
      side.socket.push(Buffer.concat(Array.from({ length: 10 }, () => PING)));
      await turnEnd();
    }
    expect(side.told().filter((text) => text !== 'PING ACK')).toEqual([]);
  });

  test('of one second are not, however many reads they come in', async () => {
    const side = agentSide({ headerTimeoutMs: 1_000_000 });
    side.socket.push(CLIENT_START);
    for (let read = 0; read < 300; read += 1) {
      side.socket.push(Buffer.concat(Array.from({ length: 10 }, () => PING)));
      await turnEnd();
    }
    expect(side.told().at(-1)).toBe('GOAWAY 0 ENHANCE_YOUR_CALM');
  });
});
