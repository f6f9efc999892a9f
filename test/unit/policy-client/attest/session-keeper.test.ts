import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from '../../../../policy-client/backoff.ts';
import { ContractError, type Session } from '../../../../policy-client/attest/session.ts';
import { SessionKeeper } from '../../../../policy-client/attest/session-keeper.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const PAUSE_MS = 10;

function sessionNamed(id: string, renewInMs = 1_000, endsInMs = 2_000): Session {
  const state = { id, workloads: ['agent'], user: undefined, claims: {}, notAfter: Date.now() + endsInMs };
  return { state, renewAfter: Date.now() + renewInMs, controlPlaneVersion: '1' } as unknown as Session;
}

/** Attests with each answer in turn, and with the last one again and again. */
function keeping(...answers: (() => Session | Error | Promise<Session>)[]) {
  const told: string[] = [];
  const warnings: Record<string, unknown>[] = [];
  const askedAt: number[] = [];
  const startedAt = Date.now();
  const keeper = new SessionKeeper({
    attest: async () => {
      askedAt.push(Date.now() - startedAt);
      const answer = await (answers.length > 1 ? answers.shift() : answers[0])?.();
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
      return answer;
    },
    nowMs: () => Date.now(),
    backoff: new Backoff(PAUSE_MS, 100 * PAUSE_MS, () => 1),
    log: { info: () => {}, warn: (fields) => warnings.push(fields), error: () => {} },
    onSession: ({ state }) => told.push(`session ${state.id}`),
    onLost: (reason) => told.push(`lost ${reason}`),
    onFailure: (reason) => told.push(`failed ${reason}`),
  });
  return { keeper, told, warnings, askedAt, held: () => keeper.session?.state.id };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a session', () => {
  it('has a successor when it is due, and is held until that is there', async () => {
    let deliver = (_session: Session): void => {};
    const { askedAt, held, keeper, told } = keeping(
      () => sessionNamed('a'),
      () => new Promise((resolve) => (deliver = resolve)),
    );
    keeper.start();
    await pass(999);
    expect([keeper.attestations, held()]).toEqual([1, 'a']);
    await pass(500);
    expect([held(), askedAt]).toEqual(['a', [0, 1_000]]);
    deliver(sessionNamed('b'));
    await pass(0);
    expect([held(), keeper.attestations, told]).toEqual(['b', 2, ['session a', 'session b']]);
    // One for its successor, one for its end: none is left of the session before.
    expect(vi.getTimerCount()).toBe(2);
    // It has its own time, not that of the one before.
    await pass(900);
    expect(held()).toBe('b');
  });

  it('is dropped when all starts over, and so is one that was asked for before', async () => {
    let deliver = (_session: Session): void => {};
    const { held, keeper, told } = keeping(
      () => sessionNamed('ann'),
      () => new Promise((resolve) => (deliver = resolve)),
      () => sessionNamed('bob'),
    );
    keeper.start();
    await pass(1_500);
    keeper.startOver('session-expired');
    expect([held(), told]).toEqual([undefined, ['session ann', 'lost session-expired']]);
    deliver(sessionNamed('ann again'));
    await pass(0);
    expect([held(), told]).toEqual(['bob', ['session ann', 'lost session-expired', 'session bob']]);
  });

  it('ends with its time when it cannot be renewed, and not before', async () => {
    const { held, keeper, told } = keeping(
      () => sessionNamed('a'),
      () => new Error('no'),
    );
    keeper.start();
    await pass(1_999);
    expect([held(), told.filter((line) => line.startsWith('lost'))]).toEqual(['a', []]);
    expect(keeper.failures).toBeGreaterThan(3);
    await pass(1);
    expect([held(), told.filter((line) => line.startsWith('lost'))]).toEqual([undefined, ['lost session-expired']]);
  });

  it('that is over when it comes is not held, nor asked for without a pause', async () => {
    const { held, keeper } = keeping(() => sessionNamed('a', 1_000, 0));
    keeper.start();
    await pass(PAUSE_MS - 1);
    expect([held(), keeper.attestations]).toEqual([undefined, 1]);
    await pass(1);
    expect(keeper.attestations).toBe(2);
    keeper.close();
  });

  it('may last longer than a timer', async () => {
    const long = 2 ** 31 + 100_000;
    const { held, keeper, told } = keeping(() => sessionNamed('a', long + 1, long));
    const timers = vi.spyOn(globalThis, 'setTimeout');
    keeper.start();
    await pass(2 ** 31);
    expect([held(), keeper.attestations]).toEqual(['a', 1]);
    await pass(99_999);
    expect(held()).toBe('a');
    await pass(1);
    expect([held(), told]).toEqual([undefined, ['session a', 'lost session-expired']]);
    // Node takes 31 bits, and counts a longer wait as none at all.
    expect(Math.max(...timers.mock.calls.map(([, ms]) => ms ?? 0))).toBe(2 ** 31 - 1);
    keeper.close();
  });

  it('that is refused while its successor is asked for, in vain, is followed by another after a pause', async () => {
    let refuse = (_error: Error): void => {};
    const { askedAt, keeper } = keeping(
      () => sessionNamed('a'),
      () => new Promise((_, reject) => (refuse = reject)),
      () => new Error('no'),
    );
    keeper.start();
    await pass(1_000);
    const first = keeper.session;
    if (first === undefined) return expect.unreachable();
    keeper.invalidate(first, 'session-invalid');
    refuse(new Error('no'));
    await pass(PAUSE_MS - 1);
    expect(askedAt).toEqual([0, 1_000]);
    await pass(1);
    expect(askedAt).toEqual([0, 1_000, 1_000 + PAUSE_MS]);
    keeper.close();
  });

  it('that is refused is dropped at once and followed by another after a pause', async () => {
    const { held, keeper, told } = keeping(
      () => sessionNamed('a'),
      () => sessionNamed('b'),
    );
    keeper.start();
    await pass(100);
    const first = keeper.session;
    if (first === undefined) return expect.unreachable();
    keeper.invalidate(first, 'workload-revoked');
    expect([held(), told]).toEqual([undefined, ['session a', 'lost workload-revoked']]);
    await pass(0);
    expect(vi.getTimerCount()).toBe(1);
    await pass(PAUSE_MS - 1);
    expect(keeper.attestations).toBe(1);
    await pass(1);
    expect(held()).toBe('b');
    // What is said of the first now says nothing of the second; nor does its time end it.
    keeper.invalidate(first, 'session-invalid');
    await pass(999);
    expect([held(), told]).toEqual(['b', ['session a', 'lost workload-revoked', 'session b']]);
  });
});

describe('close', () => {
  it('ends it: nothing is held, asked for or told any more', async () => {
    const { held, keeper, told } = keeping(() => sessionNamed('a'));
    for (let time = 0; time < 2; time += 1) keeper.start();
    await pass(100);
    const session = keeper.session;
    keeper.close();
    expect(vi.getTimerCount()).toBe(0);
    await pass(0);
    expect(vi.getTimerCount()).toBe(0);
    if (session !== undefined) keeper.invalidate(session, 'session-invalid');
    await pass(100_000);
    expect([held(), keeper.attestations, told, vi.getTimerCount()]).toEqual([undefined, 1, ['session a'], 0]);
  });

  it('takes no session that comes too late', async () => {
    let deliver = (_session: Session): void => {};
    const { held, keeper, told } = keeping(() => new Promise((resolve) => (deliver = resolve)));
    keeper.start();
    await pass(0);
    keeper.close();
    deliver(sessionNamed('a'));
    await pass(10_000);
    expect([held(), told, vi.getTimerCount()]).toEqual([undefined, [], 0]);
  });

  it('ends the wait after a failure', async () => {
    const { keeper, told } = keeping(() => new Error('no'));
    keeper.start();
    await pass(0);
    keeper.close();
    await pass(10_000);
    expect([told, vi.getTimerCount()]).toEqual([['failed control-plane-unavailable'], 0]);
  });
});

describe('a failure', () => {
  it.each([
    [new ContractError('session-invalid', 'the session lacks its id'), 'session-invalid', undefined],
    [new ContractError('odd', 'another'), 'session-invalid', undefined],
    [new Error('certificate has expired'), 'control-plane-unavailable', expect.stringContaining('clock')],
    [new Error('certificate is not yet valid'), 'control-plane-unavailable', expect.stringContaining('clock')],
    [new Error('connection refused'), 'control-plane-unavailable', undefined],
  ])('%s reads as %s', async (error, reason, hint) => {
    const { keeper, told, warnings } = keeping(() => error);
    keeper.start();
    await pass(0);
    keeper.close();
    expect(told).toEqual([`failed ${reason}`]);
    expect(warnings).toEqual([{ reason, error: expect.stringContaining(error.message), ...(hint && { hint }) }]);
  });

  it('is told once, until it is another or all was well', async () => {
    const overloaded = () => Object.assign(new Error('full'), { metadata: { get: () => ['overloaded'] } });
    const { keeper, warnings } = keeping(
      () => new Error('no'),
      () => new Error('no'),
      overloaded,
      () => sessionNamed('a', 0),
      overloaded,
    );
    keeper.start();
    await pass(5_000);
    keeper.close();
    expect(warnings.map(({ reason }) => reason)).toEqual(['control-plane-unavailable', 'overloaded', 'overloaded']);
  });

  it('of a control plane with too much to do is followed by the longest pause', async () => {
    const { keeper } = keeping(() => Object.assign(new Error('full'), { metadata: { get: () => ['overloaded'] } }));
    keeper.start();
    await pass(100 * PAUSE_MS - 1);
    expect(keeper.failures).toBe(1);
    await pass(1);
    expect(keeper.failures).toBe(2);
    keeper.close();
  });
});
