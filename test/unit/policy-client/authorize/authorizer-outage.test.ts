import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Asking, Port } from '../../../support/policy-client/asking.ts';

const STALE = { failMode: { staleMaxAge: { seconds: 5, nanos: 0 } } };

let asking: Asking;
beforeEach(() => {
  vi.useFakeTimers();
  asking = new Asking();
});
afterEach(() => {
  asking.authorizer.close();
  vi.useRealTimers();
});

describe('a stream that is lost', () => {
  it('leaves its questions to the next one, and its answers count no more', async () => {
    const { authorizer, port } = asking;
    const waiting = asking.put();
    authorizer.portLost(port);
    await asking.grant();
    expect(waiting.answer).toBeUndefined();
    const next = new Port();
    authorizer.setPort(next);
    expect(next.asked).toHaveLength(1);
    await asking.grant();
    expect(waiting.answer).toBeUndefined();
    await asking.deny('no-policy', next);
    expect(waiting.answer).toMatchObject({ reason: 'no-policy' });
  });

  it('leaves them to the one that is there already, which stays', () => {
    const { authorizer, port } = asking;
    asking.put();
    const next = new Port();
    authorizer.setPort(next);
    expect(next.asked).toHaveLength(0);
    authorizer.portLost(port);
    expect(next.asked).toHaveLength(1);
    asking.put({ path: '/other' });
    expect([port.asked.length, next.asked.length]).toEqual([1, 2]);
  });

  it('is replaced for a question four times in all', async () => {
    const { authorizer } = asking;
    const waiting = asking.put();
    for (let lost = 0; lost < 4; lost += 1) {
      expect([waiting.answer, asking.port.asked.length]).toEqual([undefined, 1]);
      authorizer.portLost(asking.port);
      asking.port = new Port();
      authorizer.setPort(asking.port);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(asking.port.asked).toHaveLength(0);
    expect(waiting.answer).toMatchObject({ reason: 'control-plane-unavailable' });
  });
});

describe('a question that nobody answers', () => {
  it('ends with its time', async () => {
    const { authorizer, cache } = asking;
    const waiting = asking.put();
    await vi.advanceTimersByTimeAsync(999);
    expect(waiting.answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.answer).toMatchObject({ reason: 'authorize-timeout' });
    expect([authorizer.timeouts, authorizer.pending]).toEqual([1, 0]);
    await asking.grant();
    expect(cache.size).toBe(0);
  });

  it('waits for a link that is down as long as the grace lasts, then is denied at once', async () => {
    const { authorizer, port } = asking;
    await vi.advanceTimersByTimeAsync(10_000);
    authorizer.setConnected(false);
    const waiting = asking.put();
    await vi.advanceTimersByTimeAsync(499);
    expect([waiting.answer, port.asked.length]).toEqual([undefined, 0]);
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.answer).toMatchObject({ reason: 'control-plane-unavailable' });
    expect(asking.now()).toMatchObject({ reason: 'control-plane-unavailable' });
    authorizer.setConnected(true);
    asking.put();
    expect(port.asked).toHaveLength(1);
  });

  it('does not wait for what no waiting changes', async () => {
    const waiting = asking.put();
    asking.downReason = 'workload-revoked';
    asking.authorizer.setConnected(false);
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.answer).toMatchObject({ reason: 'workload-revoked' });
    expect(asking.now()).toMatchObject({ reason: 'workload-revoked' });
  });

  it('is denied when the client closes, and so is every later one', async () => {
    const waiting = asking.put();
    asking.authorizer.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.answer).toMatchObject({ reason: 'draining' });
    expect(asking.now()).toMatchObject({ reason: 'draining' });
  });
});

describe('beyond the lease, within what the fail mode allows', () => {
  beforeEach(async () => {
    asking.put();
    await asking.grant(STALE);
    await vi.advanceTimersByTimeAsync(30_000);
  });

  it.each(['authorize-timeout', 'control-plane-unavailable'] as const)(
    'a control plane that says %s has decided nothing',
    async (reason) => {
      const waiting = asking.put();
      await vi.advanceTimersByTimeAsync(0);
      expect(waiting.answer).toBeUndefined();
      await asking.deny(reason);
      expect(waiting.answer).toMatchObject({ kind: 'grant', stale: true });
      expect(asking.authorizer.staleHits).toBe(1);
      await vi.advanceTimersByTimeAsync(5_000);
      const late = asking.put();
      await asking.deny(reason);
      expect(late.answer).toMatchObject({ kind: 'denial', reason });
    },
  );

  it('a link that goes down is not waited for', async () => {
    const waiting = asking.put();
    asking.authorizer.setConnected(false);
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.answer).toMatchObject({ kind: 'grant', stale: true });
    expect(asking.now()).toMatchObject({ kind: 'grant', stale: true });
  });

  it('what was decided stands', async () => {
    const waiting = asking.put();
    await asking.deny('rule-denied');
    expect(waiting.answer).toMatchObject({ kind: 'denial', reason: 'rule-denied' });
  });
});
