import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Revocation, RevocationTarget } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { Asking, Port } from '../../../support/policy-client/asking.ts';

let asking: Asking;
beforeEach(() => {
  vi.useFakeTimers();
  asking = new Asking();
});
afterEach(() => {
  asking.authorizer.close();
  vi.useRealTimers();
});

function revokePolicy(name: string): void {
  const target = RevocationTarget.REVOCATION_TARGET_POLICY;
  asking.revocations.apply(Revocation.fromPartial({ id: name, target, name }));
}

describe('what is held', () => {
  it('a grant and a denial are, and count as hits', async () => {
    const { authorizer, cache, port } = asking;
    cache.dropDenials();
    asking.put();
    await asking.grant();
    expect(asking.now()).toMatchObject({ kind: 'grant', fromCache: true });
    asking.put({ path: '/other' });
    await asking.deny('no-policy');
    expect(asking.now({ path: '/other' })).toMatchObject({ kind: 'denial', fromCache: true });
    expect([authorizer.hits, authorizer.misses, authorizer.asked, authorizer.staleHits]).toEqual([2, 2, 2, 0]);
    expect(port.asked.map(({ dryRun }) => dryRun)).toEqual([false, false]);
  });

  it.each<[string, () => void]>([
    ['events do not come any more', () => asking.authorizer.setConnected(false)],
    ['the session is another by now', () => asking.authorizer.setSession(new Port('s2').session.state)],
    ['more was revoked than can be remembered', () => ['a', 'b'].forEach(revokePolicy)],
  ])('nothing is where %s', async (_what, change) => {
    const { authorizer, cache, port } = asking;
    asking.put({ path: '/other' });
    asking.put();
    change();
    await asking.deny('no-policy', port, port.asked[0]?.id);
    await asking.grant();
    expect([cache.size, authorizer.pending]).toEqual([0, 0]);
  });

  it('nothing of a session is once there is another', async () => {
    const { authorizer, cache, port } = asking;
    asking.put();
    await asking.grant();
    authorizer.setSession(port.session.state);
    expect(cache.size).toBe(1);
    authorizer.setSession(undefined);
    expect(cache.size).toBe(0);
  });

  it('a grant is under the session that it was asked for in', async () => {
    const { authorizer } = asking;
    authorizer.setConnected(false);
    const waiting = asking.put();
    asking.port = new Port('s2');
    authorizer.setSession(asking.port.session.state);
    authorizer.setPort(asking.port);
    authorizer.setConnected(true);
    await asking.grant();
    expect(waiting.answer).toMatchObject({ kind: 'grant' });
    expect(asking.now()).toMatchObject({ kind: 'grant', fromCache: true });
  });

  it('a denial from before a change is asked for again, and given but not held after the fourth time', async () => {
    const { cache, port } = asking;
    const late = asking.put();
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      expect([late.answer, port.asked.length]).toEqual([undefined, attempt]);
      cache.dropDenials();
      await asking.deny('no-policy');
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(late.answer).toMatchObject({ reason: 'no-policy' });
    expect([cache.size, port.asked.length]).toEqual([0, 4]);
  });
});

describe('one question in flight', () => {
  it('is asked once for several callers, who share a denial or a held grant', async () => {
    const { authorizer, port } = asking;
    const callers = [asking.put(), asking.put(), asking.put()];
    await asking.grant();
    expect(callers.map(({ answer }) => answer?.kind)).toEqual(['grant', 'grant', 'grant']);
    expect([port.asked.length, authorizer.pending]).toEqual([1, 0]);
    const denied = [asking.put({ path: '/other' }), asking.put({ path: '/other' })];
    await asking.deny('no-policy');
    expect(denied.map(({ answer }) => answer?.kind)).toEqual(['denial', 'denial']);
    expect([port.asked.length, authorizer.pending]).toEqual([2, 0]);
  });

  it('is asked for each caller where a grant serves one call, without queueing from then on', async () => {
    const { port } = asking;
    const callers = [asking.put(), asking.put()];
    await asking.grant({ maxUses: 1 });
    expect([callers[0]?.answer?.kind, callers[1]?.answer, port.asked.length]).toEqual(['grant', undefined, 2]);
    await asking.grant({ maxUses: 1 });
    expect(callers[1]?.answer).toMatchObject({ kind: 'grant', fromCache: false });
    asking.put();
    asking.put();
    expect(port.asked).toHaveLength(4);
  });

  it('leaves nothing to ask for a caller whose session was revoked meanwhile', async () => {
    const follower = [asking.put(), asking.put()][1];
    const [target, name] = [RevocationTarget.REVOCATION_TARGET_SESSION, 's1'];
    const granted = asking.grant({ maxUses: 1 });
    asking.revocations.apply(Revocation.fromPartial({ id: 'r', target, name }));
    await granted;
    expect(follower?.answer).toMatchObject({ reason: 'session-revoked' });
    expect(asking.port.asked).toHaveLength(1);
  });

  it('is one of so many that may wait, followers too', () => {
    const { authorizer, port } = asking;
    const callers = [asking.put(), asking.put(), asking.put({ path: '/2' })];
    expect(asking.now({ path: '/3' })).toMatchObject({ reason: 'overloaded' });
    expect(callers.map(({ answer }) => answer)).toEqual([undefined, undefined, undefined]);
    expect([authorizer.pending, port.asked.length]).toEqual([3, 2]);
  });
});

it('no credential of a grant is printed', async () => {
  const waiting = asking.put({ dryRun: true });
  expect(asking.port.last.dryRun).toBe(true);
  await asking.grant({ injections: [{ kind: { $case: 'bearer', value: { token: Buffer.from('s3cret') } } }] });
  expect(JSON.stringify(waiting.answer)).toContain('"injections":[{"bearer":"[secret]"}]');
});

it('an answer by an older policy is asked for again, four times in all', async () => {
  const { port } = asking;
  const waiting = asking.put();
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    expect([waiting.answer, port.asked.length]).toEqual([undefined, attempt]);
    await asking.grant({ policyVersion: 1, policyChange: 'a' });
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(port.asked).toHaveLength(4);
  expect(waiting.answer).toMatchObject({ kind: 'denial', reason: 'control-plane-unavailable' });
});

it('an answer that is none is a denial', async () => {
  const waiting = asking.put();
  await asking.answer(undefined);
  expect(waiting.answer).toMatchObject({ kind: 'denial', reason: 'internal-error' });
});
