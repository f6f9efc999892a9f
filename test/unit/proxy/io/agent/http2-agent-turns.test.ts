import { expect, test, vi } from 'vitest';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import type { UpstreamStream } from '../../../../../proxy/http/streams.ts';
import { type AgentSide, agentSide, pending, refused } from '../../../../support/protocols/http2-agent-side.ts';
import { CLIENT_START, data, headers, POST, windowUpdate } from '../../../../support/protocols/http2-frames.ts';
import { silentUpstream } from '../../../../support/upstreams/silent-upstream.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

/** What an agent's HTTP/2 connection does in one turn, and what it leaves for the next. */

const ids = (count: number): number[] => Array.from({ length: count }, (_, at) => 2 * at + 1);

async function turnsUntilStill(side: AgentSide): Promise<void> {
  let before = -1;
  for (let turn = 0; turn < 5_000 && before < side.reasons.length; turn += 1) {
    before = side.reasons.length;
    await turnEnd();
  }
}

/** Answers each call at once with so many bytes, and goes no further when it has more to say. */
function answering(length: number, said = length): UpstreamStream {
  return silentUpstream({
    sendHead: (_request, listener) => {
      queueMicrotask(() => {
        const headers = HeaderList.from([['content-length', String(length)]]);
        const framing = { kind: 'length', length } as const;
        listener.onResponseHead({ version: '2', status: 200, reason: '', headers, framing, keepAlive: true });
        listener.onResponseBody(Buffer.alloc(said));
        if (said === length) listener.onResponseEnd(undefined);
        listener.onReadDone();
      });
    },
  });
}

test('nothing is read behind a request that waits for its turn, and all of it after', async () => {
  const side = agentSide();
  const pauses = vi.spyOn(side.socket, 'pause');
  side.socket.push(Buffer.concat([CLIENT_START, ...ids(3).map(refused)]));
  side.socket.push(refused(7));
  await new Promise((read) => process.nextTick(read));
  expect(side.reasons).toHaveLength(1);
  side.socket.push(refused(9));
  expect(pauses).toHaveBeenCalled();
  await turnsUntilStill(side);
  side.socket.push(refused(11));
  await turnsUntilStill(side);
  expect(side.reasons).toHaveLength(6);
});

test('an agent that is told that its connection ends is listened to for its own end', async () => {
  const side = agentSide({ highWaterBytes: 1_000, agentIdleTimeoutMs: 4_000 });
  side.takes = false;
  side.socket.push(Buffer.concat([CLIENT_START, ...ids(100).map(refused)]));
  await turnsUntilStill(side);
  side.socket.push(refused(201));
  await turnEnd();
  expect(side.socket.isPaused()).toBe(true);
  const before = side.reasons.length;
  side.now = 4_000;
  side.connection.expire();
  side.takeAll();
  await turnsUntilStill(side);
  expect(side.socket.isPaused()).toBe(false);
  expect(side.reasons).toHaveLength(before);
});

test('one answer that is longer than what may wait does not stop the next call', async () => {
  const side = agentSide({ highWaterBytes: 1_000 }, answering(10_000));
  side.socket.push(Buffer.concat([CLIENT_START, pending(1), pending(3)]));
  await turnsUntilStill(side);
  expect(side.reasons).toEqual(['ok', 'ok']);
});

test('a full socket alone holds no call back, and a held one costs no turns', async () => {
  const most = agentSide({ highWaterBytes: 1_000_000 });
  most.takes = false;
  most.socket.push(Buffer.concat([CLIENT_START, ...ids(200).map(refused)]));
  await turnsUntilStill(most);
  expect(most.reasons).toHaveLength(200);
  const some = agentSide({ highWaterBytes: 1_000 });
  some.takes = false;
  some.socket.push(Buffer.concat([CLIENT_START, ...ids(200).map(refused)]));
  await turnsUntilStill(some);
  expect(some.reasons.length).toBeLessThan(200);
  expect(process.getActiveResourcesInfo()).not.toContain('Immediate');
});

test('an agent that reads nothing is held back however it sends its requests', async () => {
  const side = agentSide({ highWaterBytes: 1_000 });
  side.takes = false;
  side.socket.push(CLIENT_START);
  for (const id of ids(200)) {
    side.socket.push(refused(id));
    await turnEnd();
  }
  expect(side.reasons.length).toBeLessThan(150);
  side.takes = true;
  side.takeAll();
  await turnsUntilStill(side);
  expect(side.reasons).toHaveLength(200);
});

test('an upstream waits while the agent takes nothing, and goes on when it does', async () => {
  const upstream = answering(40_000, 30_000);
  const [pause, resume] = [vi.spyOn(upstream, 'pause'), vi.spyOn(upstream, 'resume')];
  const side = agentSide({}, upstream);
  side.takes = false;
  side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
  await turnEnd();
  side.socket.push(pending(3));
  await turnEnd();
  expect(pause).toHaveBeenCalled();
  const before = resume.mock.calls.length;
  side.takeAll();
  side.takeAll();
  await turnEnd();
  expect(resume.mock.calls.length).toBeGreaterThan(before);
});

test('an upstream waits while the window of the agent is closed, and goes on when it opens', async () => {
  const upstream = answering(200_000, 80_000);
  const [pause, resume] = [vi.spyOn(upstream, 'pause'), vi.spyOn(upstream, 'resume')];
  const side = agentSide({}, upstream);
  side.socket.push(Buffer.concat([CLIENT_START, pending(1)]));
  await turnEnd();
  expect(pause).toHaveBeenCalled();
  const before = resume.mock.calls.length;
  side.socket.push(Buffer.concat([windowUpdate(0, 200_000), windowUpdate(1, 200_000)]));
  await turnEnd();
  expect(resume.mock.calls.length).toBeGreaterThan(before);
});

test('a head goes out although nothing of its body has come', async () => {
  const upstream = { ...answering(10), sendHead: () => {} };
  const flush = vi.spyOn(upstream, 'flush');
  const side = agentSide({}, upstream);
  side.socket.push(Buffer.concat([CLIENT_START, headers(1, POST)]));
  await turnEnd();
  expect(flush).toHaveBeenCalled();
});

test('a bug in one call ends that call', async () => {
  const upstream = { ...answering(10), sendHead: () => {} };
  const side = agentSide({}, upstream);
  side.socket.push(Buffer.concat([CLIENT_START, headers(1, POST), pending(3)]));
  await turnsUntilStill(side);
  upstream.flush = () => {
    throw new Error('a bug');
  };
  side.socket.push(data(1, 'some'));
  await turnsUntilStill(side);
  expect(side.reasons).toEqual(['internal-error']);
  expect(side.live.size).toBe(1);
});
