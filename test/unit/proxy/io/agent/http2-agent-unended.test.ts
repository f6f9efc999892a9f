import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { agentSide, ELSEWHERE } from '../../../../support/protocols/http2-agent-side.ts';
import {
  CLIENT_START,
  cutFrames,
  data,
  describeFrame,
  END_STREAM,
  headers,
  POST,
  reset,
} from '../../../../support/protocols/http2-frames.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

describe('requests that are answered before they end', () => {
  test('may end by themselves, as curl wants to, and are told nothing more', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, headers(1, ELSEWHERE)]));
    await turnEnd();
    const answered = side.told();
    expect(answered.at(-1)).toMatch(/^DATA 1 \d+ END$/);
    side.socket.push(Buffer.concat([data(1, 'some'), data(1, '', END_STREAM)]));
    await turnEnd();
    side.now = 60_000;
    expect(side.connection.deadlineAt).toBeGreaterThan(side.now);
    side.connection.expire();
    await turnEnd();
    expect(side.told()).toEqual(answered);
    expect(side.reasons).toEqual(['destination-mismatch']);
  });

  test('are over when they have ended, so that others find room', async () => {
    const side = agentSide({ http2: { ...DEFAULT_LIMITS.http2, maxConcurrentStreams: 1 } });
    side.socket.push(CLIENT_START);
    for (const id of [1, 5, 9]) {
      side.socket.push(headers(id, ELSEWHERE));
      await turnEnd();
      side.socket.push(Buffer.concat([data(id, 'some'), data(id, 'more', END_STREAM)]));
      await turnEnd();
      side.socket.push(Buffer.concat([headers(id + 2, ELSEWHERE), data(id + 2, 'all', END_STREAM)]));
      await turnEnd();
      await turnEnd();
    }
    expect(side.reasons).toEqual(Array.from({ length: 6 }, () => 'destination-mismatch'));
  });

  test('whose body waited for an upstream leave no stream behind', async () => {
    const side = agentSide({ http2: { ...DEFAULT_LIMITS.http2, maxConcurrentStreams: 1 } });
    side.socket.push(CLIENT_START);
    for (const id of [1, 3, 5]) {
      side.socket.push(Buffer.concat([headers(id, POST), data(id, 'all', END_STREAM)]));
      await turnEnd();
      for (const call of side.live) call.cut('session-revoked');
      await turnEnd();
    }
    expect(side.reasons).toEqual(['session-revoked', 'session-revoked', 'session-revoked']);
    expect(side.told().filter((text) => text.startsWith('RST_STREAM'))).toEqual([]);
  });

  test('use up their own window alone', async () => {
    const side = agentSide({ http2: { ...DEFAULT_LIMITS.http2, streamWindowBytes: 20_000 } });
    side.socket.push(Buffer.concat([CLIENT_START, ...[1, 3, 5].map((id) => headers(id, ELSEWHERE))]));
    for (let turn = 0; turn < 3; turn += 1) await turnEnd();
    for (const id of [1, 3, 5]) side.socket.push(data(id, Buffer.alloc(16_000)));
    await turnEnd();
    const updates = cutFrames(side.written())
      .map(describeFrame)
      .filter((text) => text.startsWith('WINDOW_UPDATE'));
    // That of the connection is wide open from the beginning.
    expect(updates).toEqual([`WINDOW_UPDATE 0 ${2 ** 30 - 65_535}`]);
  });

  test('that the agent takes back are forgotten', async () => {
    const side = agentSide();
    side.socket.push(Buffer.concat([CLIENT_START, headers(1, ELSEWHERE)]));
    await turnEnd();
    side.socket.push(reset(1));
    await turnEnd();
    expect(side.connection.deadlineAt).toBe(DEFAULT_LIMITS.agentIdleTimeoutMs);
    expect(side.reasons).toEqual(['destination-mismatch']);
  });
});
