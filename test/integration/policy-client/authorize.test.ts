import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Denial, RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import { DecisionFact, Route } from '../../../proto/gen/sidekey/v1/route.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { question, ROUTE } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

const link = useLinkedClients();

describe('authorize', () => {
  it('asks once and answers from the cache, synchronously and with the same grant', async () => {
    const client = await link.readyClient();
    const first = await client.authorize(question());
    const second = client.authorize(question());
    const third = client.authorize(question());
    if (first.kind !== 'grant' || !('kind' in second) || second.kind !== 'grant') throw new Error('not granted');
    expect(first.fromCache).toBe(false);
    expect(second).toMatchObject({ fromCache: true, stale: false });
    expect(third).toBe(second);
    expect(second.grant).toBe(first.grant);
    expect(link.plane.questions).toHaveLength(1);
    expect(`${JSON.stringify(second)}${inspect(second, { depth: 9 })}`).not.toMatch(/s3cret|\[115,|73 33 63/);
  });

  it('asks again for every other tuple', async () => {
    const client = await link.readyClient();
    const destination = question().destination;
    const others = [
      question({ method: 'POST' }),
      question({ path: '/other' }),
      question({ destination: { ...destination, host: 'b.example.com' } }),
      question({ destination: { ...destination, port: 444 } }),
      question({ destination: { ...destination, scheme: 'http' } }),
    ];
    for (const one of [question(), ...others]) await client.authorize(one);
    expect(link.plane.questions).toHaveLength(6);
  });

  it('answers a thousand questions in flight, in any order', async () => {
    link.plane.decide = async (request, sessionId) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
      return { $case: 'grant', value: link.plane.grantFor(request, sessionId) };
    };
    const client = await link.readyClient({ limits: { authorizeTimeoutMs: 25_000 } });
    const asked = Array.from({ length: 1_000 }, (_, index) => client.authorize(question({ path: `/${index}` })));
    const answers = await Promise.all(asked);
    const paths = answers.map((answer) => (answer.kind === 'grant' ? answer.grant.binding?.path : answer.reason));
    expect(paths).toEqual(answers.map((_, index) => `/${index}`));
  });

  it('asks one question for many callers at once', async () => {
    const client = await link.readyClient();
    await Promise.all(Array.from({ length: 50 }, () => client.authorize(question())));
    expect(link.plane.questions).toHaveLength(1);
  });

  it('gives each caller a grant of its own when it serves one call only', async () => {
    link.plane.decide = (request, sessionId) => ({
      $case: 'grant',
      value: link.plane.grantFor(request, sessionId, { maxUses: 1 }),
    });
    const client = await link.readyClient();
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.authorize(question())));
    const ids = new Set(answers.map((answer) => (answer.kind === 'grant' ? answer.grant.id : '')));
    expect(ids.size).toBe(10);
  });

  it('counts uses', async () => {
    link.plane.decide = (request, sessionId) => ({
      $case: 'grant',
      value: link.plane.grantFor(request, sessionId, { maxUses: 3 }),
    });
    const client = await link.readyClient();
    for (let call = 0; call < 7; call += 1) await client.authorize(question());
    expect(link.plane.questions).toHaveLength(3);
  });

  it('refuses a grant for something else', async () => {
    link.plane.decide = (request, sessionId) => {
      const value = link.plane.grantFor(request, sessionId);
      if (value.binding?.destination !== undefined)
        value.binding.destination = { scheme: 'https', host: 'evil', port: 443 };
      return { $case: 'grant', value };
    };
    const client = await link.readyClient();
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'binding-mismatch' });
  });

  it('gives up on a question that is not answered', async () => {
    link.plane.decide = () => new Promise(() => {});
    const client = await link.readyClient({ limits: { authorizeTimeoutMs: 50 } });
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'authorize-timeout' });
    expect(client.stats()).toMatchObject({ pendingQuestions: 0, questionTimeouts: 1 });
  });

  it('denies what comes above its limit', async () => {
    link.plane.decide = () => new Promise(() => {});
    const client = await link.readyClient({ limits: { maxPendingQuestions: 3, authorizeTimeoutMs: 100 } });
    const waiting = [1, 2, 3].map((index) => client.authorize(question({ path: `/${index}` })));
    expect(client.authorize(question({ path: '/4' }))).toMatchObject({ kind: 'denial', reason: 'overloaded' });
    await Promise.all(waiting);
  });

  it('drops grants of an older policy and cached denials with a new one', async () => {
    const client = await link.readyClient();
    await client.authorize(question());
    link.plane.policyVersion = 2;
    link.plane.sendSnapshot();
    await until('the new policy', () => client.stats().policyVersion === 2);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', fromCache: false });
    expect(link.plane.questions).toHaveLength(2);
  });

  it.each([
    ['policy', RevocationTarget.REVOCATION_TARGET_POLICY, 'agent-to-api', 'policy-revoked'],
    ['credential', RevocationTarget.REVOCATION_TARGET_CREDENTIAL, 'api-token', 'credential-revoked'],
    ['workload', RevocationTarget.REVOCATION_TARGET_WORKLOAD, 'agent', 'workload-revoked'],
    ['tenant', RevocationTarget.REVOCATION_TARGET_TENANT, 'acme', 'tenant-revoked'],
  ])(
    'denies under a revoked %s at once, cached grant or not, until it is lifted',
    async (_what, target, name, reason) => {
      const client = await link.readyClient();
      await client.authorize(question());
      let seenAt = 0;
      client.onRevocation(() => {
        seenAt = performance.now();
      });
      const sentAt = performance.now();
      link.plane.revoke({ target, name });
      await until('the revocation', () => seenAt > 0);
      expect(seenAt - sentAt).toBeLessThan(10_000);
      expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason });
      link.plane.revoke({ target, name, lifted: true });
      await until('it was lifted', () => client.stats().activeRevocations === 0);
      expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
    },
  );

  it('denies at once when the whole session is refused for a reason that stands', async () => {
    const client = await link.readyClient({ limits: { reconnectGraceMs: 60_000 } });
    await client.authorize(question());
    link.plane.refuseAttest = 'workload-revoked';
    link.plane.end('watches', 'workload-revoked');
    await until('the link dropped', () => !client.connected);
    expect(client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'workload-revoked' });
    link.plane.refuseAttest = undefined;
    await until('the link came back', () => client.connected);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it('asks again when an answer was decided under an older policy than is known', async () => {
    const client = await link.readyClient();
    link.plane.decide = (request, sessionId) => {
      const behind = link.plane.questions.length === 1 ? { policyVersion: 1 } : {};
      return { $case: 'grant', value: link.plane.grantFor(request, sessionId, behind) };
    };
    link.plane.policyVersion = 2;
    link.plane.sendSnapshot();
    await until('the new policy', () => client.stats().policyVersion === 2);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', grant: { policyVersion: 2 } });
    expect(link.plane.questions).toHaveLength(2);
  });

  it.each(['a change of policy', 'a lifted revocation'])(
    'asks again after a denial that was decided before %s and comes after it',
    async (what) => {
      const client = await link.readyClient();
      let answer: () => void = () => {};
      link.plane.decide = async (request, sessionId) => {
        if (link.plane.questions.length > 1) return { $case: 'grant', value: link.plane.grantFor(request, sessionId) };
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        const cacheLease = { seconds: 60, nanos: 0 };
        return { $case: 'denial', value: Denial.fromPartial({ reason: REASONS['rule-denied'].number, cacheLease }) };
      };
      const revocation = { target: RevocationTarget.REVOCATION_TARGET_USER, name: 'somebody' };
      link.plane.revoke(revocation);
      await until('the revocation', () => client.stats().activeRevocations === 1);
      const asked = client.authorize(question());
      await until('the question arrived', () => link.plane.questions.length === 1);
      if (what === 'a lifted revocation') link.plane.revoke({ ...revocation, lifted: true });
      else {
        link.plane.policyVersion = 2;
        link.plane.sendSnapshot();
      }
      await until('the change', () => client.stats().policyVersion === 2 || client.stats().activeRevocations === 0);
      answer();
      expect(await asked).toMatchObject({ kind: 'grant' });
    },
  );

  it('denies a grant that was decided before a revocation and comes after it', async () => {
    const client = await link.readyClient();
    let answer: () => void = () => {};
    link.plane.decide = async (request, sessionId) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return { $case: 'grant', value: link.plane.grantFor(request, sessionId) };
    };
    const asked = client.authorize(question());
    await until('the question arrived', () => link.plane.questions.length === 1);
    link.plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_CREDENTIAL, name: 'api-token' });
    await until('the revocation', () => client.stats().activeRevocations === 1);
    answer();
    expect(await asked).toMatchObject({ kind: 'denial', reason: 'credential-revoked' });
    expect(client.stats().cachedAnswers).toBe(0);
  });

  it('asks with the version of the snapshot that its route came with', async () => {
    const client = await link.readyClient();
    const [route] = client.routes();
    await client.authorize(question(route && { route }));
    expect(link.plane.questions[0]?.policyVersion).toBe(link.plane.policyVersion);
  });

  it('asks once more, by the new routes, when the policy reads more than its snapshot said', async () => {
    link.plane.snapshot = { routes: [Route.fromPartial({ ...ROUTE, decisionFacts: [] })] };
    const client = await link.readyClient();
    const [route] = client.routes();
    const before = link.plane.policyVersion;
    link.plane.decide = (request, sessionId) => {
      if (request.policyVersion > before) return { $case: 'grant', value: link.plane.grantFor(request, sessionId) };
      return { $case: 'denial', value: Denial.fromPartial({ reason: REASONS['not-ready'].number }) };
    };
    const asked = client.authorize(question(route && { route }));
    await until('the first question', () => link.plane.questions.length === 1);
    link.plane.policyVersion += 1;
    link.plane.snapshot = { routes: [ROUTE] };
    link.plane.sendSnapshot();
    expect(await asked).toMatchObject({ kind: 'grant' });
    expect(link.plane.questions.map(({ http }) => http?.path)).toEqual(['', '/items']);
  });

  it('asks a replica that is behind its snapshot once more, without waiting for a snapshot that does not come', async () => {
    const client = await link.readyClient({ limits: { authorizeTimeoutMs: 600_000 } });
    const [route] = client.routes();
    const behind = { $case: 'denial', value: Denial.fromPartial({ reason: REASONS['not-ready'].number }) } as const;
    link.plane.decide = (request, sessionId) =>
      link.plane.questions.length < 2 ? behind : { $case: 'grant', value: link.plane.grantFor(request, sessionId) };
    expect(await client.authorize(question(route && { route }))).toMatchObject({ kind: 'grant' });
    link.plane.decide = () => behind;
    const other = question(route && { route, method: 'PUT' });
    expect(await client.authorize(other)).toMatchObject({ kind: 'denial', reason: 'not-ready' });
  });

  it('denies when the policy begins to read what was not asked for, and the route no longer serves', async () => {
    const client = await link.readyClient();
    const [route] = client.routes();
    const old = question(route && { route });
    link.plane.policyVersion += 1;
    link.plane.snapshot = {
      routes: [Route.fromPartial({ ...ROUTE, decisionFacts: [DecisionFact.DECISION_FACT_QUERY] })],
    };
    link.plane.decide = () => ({ $case: 'denial', value: Denial.fromPartial({ reason: REASONS['not-ready'].number }) });
    link.plane.sendSnapshot();
    await until('the new policy', () => client.stats().policyVersion === link.plane.policyVersion);
    expect(await client.authorize(old)).toMatchObject({ kind: 'denial', reason: 'not-ready' });
    expect(link.plane.questions.every(({ policyVersion }) => policyVersion < link.plane.policyVersion)).toBe(true);
  });

  it('leaves a revoked session and attests again', async () => {
    const client = await link.readyClient();
    const id = client.session()?.id ?? '';
    link.plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_SESSION, name: id });
    await until('another session', () => client.connected && client.session()?.id !== id);
  });
});
