import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer } from '../../../../policy-client/authorize/authorizer.ts';
import type { AskPort } from '../../../../policy-client/authorize/authorizer-options.ts';
import { GrantCache } from '../../../../policy-client/authorize/grant-cache.ts';
import { DEFAULT_LIMITS } from '../../../../policy-client/limits.ts';
import { RevocationSet } from '../../../../policy-client/watch/revocation-set.ts';
import { RouteVersions } from '../../../../policy-client/watch/route-versions.ts';
import type { Answer, Question, SessionState } from '../../../../policy-client/types.ts';
import { Denial, Grant, Revocation, RevocationTarget } from '../../../../proto/gen/sidekey/v1/grant.ts';
import type { AuthorizeRequest, AuthorizeResponse } from '../../../../proto/gen/sidekey/v1/proxy.ts';
import { REASONS, type Reason } from '../../../../proto/reasons.ts';
import { question, ROUTE } from '../../../support/policy-client/policy-client.ts';

const LIMITS = { ...DEFAULT_LIMITS, maxPendingQuestions: 3, authorizeTimeoutMs: 1_000, reconnectGraceMs: 500 };
const LEASE = { seconds: 30, nanos: 0 };

class Port implements AskPort {
  readonly asked: AuthorizeRequest[] = [];
  readonly session: { readonly state: SessionState };

  constructor(id = 's1') {
    this.session = { state: { id, workloads: ['agent'], user: undefined, claims: {}, notAfter: Date.now() + 60_000 } };
  }

  ask(request: AuthorizeRequest): void {
    this.asked.push(request);
  }
}

let cache: GrantCache;
let revocations: RevocationSet;
let policy: { policyVersion: number; policyChange: string };
let downReason: Reason;
let authorizer: Authorizer;
let port: Port;

beforeEach(() => {
  vi.useFakeTimers();
  cache = new GrantCache(10);
  revocations = new RevocationSet(1);
  policy = { policyVersion: 2, policyChange: 'b' };
  downReason = 'control-plane-unavailable';
  authorizer = new Authorizer({
    tenant: 'acme',
    cache,
    revocations,
    limits: LIMITS,
    nowMs: () => Date.now(),
    monotonicMs: () => Date.now(),
    policy: () => policy,
    routeVersions: new RouteVersions(),
    downReason: () => downReason,
  });
  port = new Port();
  authorizer.setSession(port.session.state);
  authorizer.setConnected(true);
  authorizer.setPort(port);
});
afterEach(() => {
  authorizer.close();
  vi.useRealTimers();
});

/** What came of a question so far. */
function put(changes: Partial<Question> = {}): { answer: Answer | undefined } {
  const put: { answer: Answer | undefined } = { answer: undefined };
  void Promise.resolve(authorizer.authorize(question(changes))).then((answer) => (put.answer = answer));
  return put;
}

const lastOn = (on: Port): AuthorizeRequest => on.asked.at(-1) ?? expect.unreachable('nothing was asked');

async function answer(on: Port, outcome: AuthorizeResponse['outcome']): Promise<void> {
  authorizer.receive(on, { id: lastOn(on).id, outcome });
  await vi.advanceTimersByTimeAsync(0);
}

async function grantLast(on = port, changes: Partial<Grant> = {}): Promise<void> {
  const { destination, http } = lastOn(on);
  const asked = { ...(http && { method: http.method }), ...(destination && { destination }) };
  const binding = { sessionId: on.session.state.id, serverWorkload: ROUTE.serverWorkload, ...asked };
  const notAfter = new Date(Date.now() + 60_000);
  const value = Grant.fromPartial({ id: 'g', binding, notAfter, cacheLease: LEASE, ...policy, ...changes });
  await answer(on, { $case: 'grant', value });
}

async function denyLast(reason: Reason, on = port): Promise<void> {
  await answer(on, {
    $case: 'denial',
    value: Denial.fromPartial({ reason: REASONS[reason].number, cacheLease: LEASE }),
  });
}

const overflow = (): void => {
  for (const name of ['a', 'b']) {
    revocations.apply(Revocation.fromPartial({ id: name, target: RevocationTarget.REVOCATION_TARGET_POLICY, name }));
  }
};

describe('what is held', () => {
  it('a grant and a denial are, and count as hits', async () => {
    put();
    await grantLast();
    expect(authorizer.authorize(question())).toMatchObject({ kind: 'grant', fromCache: true });
    put({ path: '/other' });
    await denyLast('no-policy');
    expect(authorizer.authorize(question({ path: '/other' }))).toMatchObject({ kind: 'denial', fromCache: true });
    expect([authorizer.hits, authorizer.misses, authorizer.asked, authorizer.staleHits]).toEqual([2, 2, 2, 0]);
  });

  it.each<[string, () => void]>([
    ['events do not come any more', () => authorizer.setConnected(false)],
    ['the session is another by now', () => authorizer.setSession(new Port('s2').session.state)],
    ['more was revoked than can be remembered', overflow],
  ])('nothing is where %s', async (_what, change) => {
    put();
    put({ path: '/other' });
    const [first] = port.asked.splice(0, 1);
    change();
    await denyLast('no-policy');
    port.asked.push(...(first ? [first] : []));
    await grantLast();
    expect(cache.size).toBe(0);
    expect(authorizer.pending).toBe(0);
  });

  it('nothing of a session is once there is another', async () => {
    put();
    await grantLast();
    authorizer.setSession(port.session.state);
    expect(cache.size).toBe(1);
    authorizer.setSession(undefined);
    expect(cache.size).toBe(0);
  });

  it('a denial from before a change is asked for again, and given but not held when nobody can be asked', async () => {
    const late = put();
    cache.dropDenials();
    await denyLast('no-policy');
    await vi.advanceTimersByTimeAsync(20);
    expect([late.answer, port.asked.length]).toEqual([undefined, 2]);
    cache.dropDenials();
    authorizer.setConnected(false);
    await denyLast('no-policy');
    expect(late.answer).toMatchObject({ reason: 'no-policy' });
    expect(cache.size).toBe(0);
  });
});

describe('one question in flight', () => {
  it('is asked once for several callers, who share a denial or a held grant', async () => {
    const callers = [put(), put(), put()];
    await grantLast();
    expect(callers.map(({ answer }) => answer?.kind)).toEqual(['grant', 'grant', 'grant']);
    expect([port.asked.length, authorizer.pending]).toEqual([1, 0]);
    const denied = [put({ path: '/other' }), put({ path: '/other' })];
    await denyLast('no-policy');
    expect(denied.map(({ answer }) => answer?.kind)).toEqual(['denial', 'denial']);
    expect([port.asked.length, authorizer.pending]).toEqual([2, 0]);
  });

  it('is asked for each caller where a grant serves one call, without queueing from then on', async () => {
    const callers = [put(), put()];
    await grantLast(port, { maxUses: 1 });
    expect([callers[0]?.answer?.kind, callers[1]?.answer, port.asked.length]).toEqual(['grant', undefined, 2]);
    await grantLast(port, { maxUses: 1 });
    expect(callers[1]?.answer).toMatchObject({ kind: 'grant', fromCache: false });
    put();
    put();
    expect(port.asked).toHaveLength(4);
  });

  it('is one of so many that may wait, followers too', () => {
    const callers = [put(), put(), put({ path: '/2' })];
    expect(authorizer.authorize(question({ path: '/3' }))).toMatchObject({ reason: 'overloaded' });
    expect(callers.map(({ answer }) => answer)).toEqual([undefined, undefined, undefined]);
    expect([authorizer.pending, port.asked.length]).toEqual([3, 2]);
  });
});

describe('a stream that is lost', () => {
  it('leaves its questions to the next one, and its answers count no more', async () => {
    const waiting = put();
    authorizer.portLost(port);
    await grantLast();
    expect(waiting.answer).toBeUndefined();
    const next = new Port();
    authorizer.setPort(next);
    expect(next.asked).toHaveLength(1);
    await grantLast();
    expect(waiting.answer).toBeUndefined();
    await denyLast('no-policy', next);
    expect(waiting.answer).toMatchObject({ reason: 'no-policy' });
  });

  it('is not asked for its questions when an older one ends', () => {
    const next = new Port();
    authorizer.setPort(next);
    put();
    authorizer.portLost(port);
    put({ path: '/other' });
    expect([port.asked.length, next.asked.length]).toEqual([0, 2]);
  });

  it('is replaced for a question four times in all', async () => {
    const waiting = put();
    for (let lost = 0; lost < 4; lost += 1) {
      expect([waiting.answer, port.asked.length]).toEqual([undefined, 1]);
      authorizer.portLost(port);
      port = new Port();
      authorizer.setPort(port);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(port.asked).toHaveLength(0);
    expect(waiting.answer).toMatchObject({ reason: 'control-plane-unavailable' });
  });
});

describe('a question that nobody answers', () => {
  it('ends with its time', async () => {
    const waiting = put();
    await vi.advanceTimersByTimeAsync(999);
    expect(waiting.answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.answer).toMatchObject({ reason: 'authorize-timeout' });
    expect([authorizer.timeouts, authorizer.pending]).toEqual([1, 0]);
    await grantLast();
    expect(cache.size).toBe(0);
  });

  it('waits for a link that is down as long as the grace lasts, then is denied at once', async () => {
    authorizer.setConnected(false);
    const waiting = put();
    await vi.advanceTimersByTimeAsync(499);
    expect([waiting.answer, port.asked.length]).toEqual([undefined, 0]);
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.answer).toMatchObject({ reason: 'control-plane-unavailable' });
    expect(authorizer.authorize(question())).toMatchObject({ reason: 'control-plane-unavailable' });
    authorizer.setConnected(true);
    put();
    expect(port.asked).toHaveLength(1);
  });

  it('does not wait for what no waiting changes', async () => {
    const waiting = put();
    downReason = 'workload-revoked';
    authorizer.setConnected(false);
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.answer).toMatchObject({ reason: 'workload-revoked' });
    expect(authorizer.authorize(question())).toMatchObject({ reason: 'workload-revoked' });
  });

  it('is denied when the client closes, and so is every later one', async () => {
    const waiting = put();
    authorizer.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(waiting.answer).toMatchObject({ reason: 'draining' });
    expect(authorizer.authorize(question())).toMatchObject({ reason: 'draining' });
  });
});

it.each(['authorize-timeout', 'control-plane-unavailable'] as const)(
  'a control plane that says %s has decided nothing: what the fail mode allows counts',
  async (reason) => {
    put();
    await grantLast(port, { failMode: { staleMaxAge: { seconds: 5, nanos: 0 } } });
    await vi.advanceTimersByTimeAsync(30_000);
    const waiting = put();
    await denyLast(reason);
    expect(waiting.answer).toMatchObject({ kind: 'grant', stale: true });
    expect(authorizer.staleHits).toBe(1);
    await vi.advanceTimersByTimeAsync(5_000);
    const late = put();
    await denyLast(reason);
    expect(late.answer).toMatchObject({ kind: 'denial', reason });
  },
);

it('an answer by an older policy is asked for again, four times in all', async () => {
  const waiting = put();
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    expect([waiting.answer, port.asked.length]).toEqual([undefined, attempt]);
    await grantLast(port, { policyVersion: 1, policyChange: 'a' });
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(port.asked).toHaveLength(4);
  expect(waiting.answer).toMatchObject({ kind: 'denial', reason: 'control-plane-unavailable' });
});

it('an answer that is none is a denial', async () => {
  const waiting = put();
  await answer(port, undefined);
  expect(waiting.answer).toMatchObject({ kind: 'denial', reason: 'internal-error' });
});
