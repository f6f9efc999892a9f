import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyClient, PolicyClientOptions, Revocation } from '../../../policy-client/index.ts';
import { RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import { FakeControlPlane } from '../../fakes/control-plane.ts';
import { clientOf, question, ROUTE } from '../../support/policy-client.ts';
import { until } from '../../support/until.ts';

let plane: FakeControlPlane;
const clients: PolicyClient[] = [];

beforeEach(async () => {
  plane = new FakeControlPlane();
  plane.snapshot = { routes: [ROUTE] };
  await plane.start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close(0)));
  plane.stop();
});

async function startClient(changes: Partial<PolicyClientOptions> = {}): Promise<PolicyClient> {
  const client = clientOf(plane, changes);
  clients.push(client);
  await client.start();
  return client;
}

async function readyClient(changes: Partial<PolicyClientOptions> = {}): Promise<PolicyClient> {
  const client = await startClient(changes);
  await client.ready;
  return client;
}

describe('session', () => {
  it('attests with proof of its key and takes routes from the first snapshot', async () => {
    const client = await readyClient();
    expect(client.connected).toBe(true);
    expect(client.session()).toMatchObject({ workloads: ['agent'], user: undefined, claims: { local: { uid: 1000 } } });
    expect(client.routes()).toEqual([ROUTE]);
    expect(plane.attests[0]).toMatchObject({ tenant: 'acme', instanceId: client.instanceId });
  });

  it('never trusts another certificate authority', async () => {
    const client = await startClient({ caPem: new FakeControlPlaneOfAnotherAuthority().pem });
    await until('an attestation failed', () => client.stats().attestationFailures > 0);
    expect(plane.attests).toEqual([]);
    expect(client.connected).toBe(false);
  });

  it('denies with the reason that the attestation was refused for, and tries on', async () => {
    plane.refuseAttest = 'workload-unknown';
    const client = await startClient({ limits: { minBackoffMs: 5, maxBackoffMs: 10, reconnectGraceMs: 50 } });
    // A slow machine may answer `not-ready` before the first refusal has come.
    await expect
      .poll(async () => client.authorize(question()), { timeout: 10_000 })
      .toMatchObject({ kind: 'denial', reason: 'workload-unknown' });
    plane.refuseAttest = undefined;
    await client.ready;
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it('renews ahead of the end without a gap', async () => {
    plane.renewAfterMs = 300;
    const client = await readyClient();
    const first = client.session()?.id;
    const connections: boolean[] = [];
    client.onConnection((connected) => connections.push(connected));
    await until('a second session', () => client.session()?.id !== first);
    expect(connections).toEqual([]);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it('ends with its time when it cannot be renewed', async () => {
    plane.sessionMs = 700;
    plane.renewAfterMs = 200;
    const client = await readyClient({ limits: { reconnectGraceMs: 20 } });
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
    plane.refuseAttest = 'evidence-expired';
    await until('the session ended', () => client.session() === undefined);
    await until('the grace ended', () => 'kind' in client.authorize(question()));
    expect(client.authorize(question())).toMatchObject({ kind: 'denial' });
  });

  it('attests again when the control plane has forgotten the session', async () => {
    const client = await readyClient();
    plane.stop();
    plane.sessions.clear();
    await plane.start();
    await until('a second attestation', () => client.stats().attestations === 2 && client.connected);
  });
});

class FakeControlPlaneOfAnotherAuthority {
  // Any certificate that did not sign the fake's.
  readonly pem = `-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6b24g
Um9vdCBDQSAzMB4XDTE1MDUyNjAwMDAwMFoXDTQwMDUyNjAwMDAwMFowOTELMAkG
A1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJvb3Qg
Q0EgMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmXp8ZBf8ANm+gBG1bG8lKl
ui2yEujSLtf6ycXYqm0fc4E7O5hrOXwzpcVOho6AF2hiRVd9RFgdszflZwjrZt6j
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBSr
ttvXBp43rDCGB5Fwx5zEGbF4wDAKBggqhkjOPQQDAgNJADBGAiEA4IWSoxe3jfkr
BqWTrBqYaGFy+uGh0PsceGCmQ5nFuMQCIQCcAu/xlJyzlvnrxir4tiz+OpAUFteM
YyRIHN8wfdVoOw==
-----END CERTIFICATE-----
`;
}

describe('watch', () => {
  it('takes changed routes', async () => {
    const client = await readyClient();
    let changes = 0;
    client.onChange(() => {
      changes += 1;
    });
    plane.policyVersion = 2;
    plane.snapshot = { routes: [] };
    plane.sendSnapshot();
    await until('the change', () => changes === 1);
    expect(client.routes()).toEqual([]);
  });

  it.each([
    ['another signature', () => (plane.tamper = (event) => ({ ...event, signature: Buffer.alloc(64) }))],
    [
      'changed bytes',
      () => (plane.tamper = (event) => ({ ...event, event: Buffer.concat([event.event, Buffer.from([0x7a, 0])]) })),
    ],
  ])('drops the link on an event with %s', async (_what, tamper) => {
    const client = await readyClient();
    tamper();
    plane.sendEvent({});
    await until('the link dropped', () => !client.connected);
    plane.tamper = (event) => event;
    await until('it came back', () => client.connected);
  });

  it.each([
    ['a lost event', { sequence: 9 }],
    ['a repeated event', { sequence: 1 }],
    ["another session's event", { sessionId: 'other' }],
  ])('drops the link on %s', async (_what, changes) => {
    const client = await readyClient();
    const connections: boolean[] = [];
    client.onConnection((connected) => connections.push(connected));
    plane.sendEvent(changes);
    await until('the link dropped and came back', () => connections.length === 2);
    expect(connections).toEqual([false, true]);
  });

  it('counts a silent control plane as gone and connects anew', async () => {
    plane.beat = false;
    const client = await readyClient({ limits: { heartbeatTimeoutMs: 100 } });
    await until('the link dropped', () => !client.connected);
    await until('it came back', () => client.connected);
    expect(client.stats().reconnects).toBeGreaterThan(0);
  });

  it('reports revocations, those missed while away included', async () => {
    const client = await readyClient();
    const names: string[] = [];
    client.onRevocation(({ name }: Revocation) => names.push(name));
    plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_POLICY, name: 'p1' });
    await until('the revocation', () => names.length === 1);
    plane.stop();
    plane.snapshot = {
      revocations: [
        { id: 'r2', target: RevocationTarget.REVOCATION_TARGET_POLICY, name: 'p2', at: new Date(), lifted: false },
      ],
    };
    await plane.start();
    await until('the missed one', () => names.length === 2);
    expect(names).toEqual(['p1', 'p2']);
  });
});

describe('authorize', () => {
  it('asks once and answers from the cache, synchronously and with the same grant', async () => {
    const client = await readyClient();
    const first = await client.authorize(question());
    const second = client.authorize(question());
    const third = client.authorize(question());
    if (first.kind !== 'grant' || !('kind' in second) || second.kind !== 'grant') throw new Error('not granted');
    expect(first.fromCache).toBe(false);
    expect(second).toMatchObject({ fromCache: true, stale: false });
    expect(third).toBe(second);
    expect(second.grant).toBe(first.grant);
    expect(plane.questions).toHaveLength(1);
    expect(`${JSON.stringify(second)}${inspect(second, { depth: 9 })}`).not.toMatch(/s3cret|\[115,|73 33 63/);
  });

  it('asks again for every other tuple', async () => {
    const client = await readyClient();
    const destination = question().destination;
    const others = [
      question({ method: 'POST' }),
      question({ path: '/other' }),
      question({ destination: { ...destination, host: 'b.example.com' } }),
      question({ destination: { ...destination, port: 444 } }),
      question({ destination: { ...destination, scheme: 'http' } }),
    ];
    for (const one of [question(), ...others]) await client.authorize(one);
    expect(plane.questions).toHaveLength(6);
  });

  it('answers a thousand questions in flight, in any order', async () => {
    plane.decide = async (request, sessionId) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
      return { $case: 'grant', value: plane.grantFor(request, sessionId) };
    };
    const client = await readyClient();
    const asked = Array.from({ length: 1_000 }, (_, index) => client.authorize(question({ path: `/${index}` })));
    const answers = await Promise.all(asked);
    const paths = answers.map((answer) => (answer.kind === 'grant' ? answer.grant.binding?.path : answer.reason));
    expect(paths).toEqual(answers.map((_, index) => `/${index}`));
  });

  it('asks one question for many callers at once', async () => {
    const client = await readyClient();
    await Promise.all(Array.from({ length: 50 }, () => client.authorize(question())));
    expect(plane.questions).toHaveLength(1);
  });

  it('gives each caller a grant of its own when it serves one call only', async () => {
    plane.decide = (request, sessionId) => ({
      $case: 'grant',
      value: plane.grantFor(request, sessionId, { maxUses: 1 }),
    });
    const client = await readyClient();
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.authorize(question())));
    const ids = new Set(answers.map((answer) => (answer.kind === 'grant' ? answer.grant.id : '')));
    expect(ids.size).toBe(10);
  });

  it('counts uses', async () => {
    plane.decide = (request, sessionId) => ({
      $case: 'grant',
      value: plane.grantFor(request, sessionId, { maxUses: 3 }),
    });
    const client = await readyClient();
    for (let call = 0; call < 7; call += 1) await client.authorize(question());
    expect(plane.questions).toHaveLength(3);
  });

  it('refuses a grant for something else', async () => {
    plane.decide = (request, sessionId) => {
      const value = plane.grantFor(request, sessionId);
      if (value.binding?.destination !== undefined)
        value.binding.destination = { scheme: 'https', host: 'evil', port: 443 };
      return { $case: 'grant', value };
    };
    const client = await readyClient();
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'binding-mismatch' });
  });

  it('gives up on a question that is not answered', async () => {
    plane.decide = () => new Promise(() => {});
    const client = await readyClient({ limits: { authorizeTimeoutMs: 50 } });
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'authorize-timeout' });
    expect(client.stats()).toMatchObject({ pendingQuestions: 0, questionTimeouts: 1 });
  });

  it('denies what comes above its limit', async () => {
    plane.decide = () => new Promise(() => {});
    const client = await readyClient({ limits: { maxPendingQuestions: 3, authorizeTimeoutMs: 100 } });
    const waiting = [1, 2, 3].map((index) => client.authorize(question({ path: `/${index}` })));
    expect(client.authorize(question({ path: '/4' }))).toMatchObject({ kind: 'denial', reason: 'overloaded' });
    await Promise.all(waiting);
  });

  it('drops grants of an older policy and cached denials with a new one', async () => {
    const client = await readyClient();
    await client.authorize(question());
    plane.policyVersion = 2;
    plane.sendSnapshot();
    await until('the new policy', () => client.stats().policyVersion === 2);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', fromCache: false });
    expect(plane.questions).toHaveLength(2);
  });

  it.each([
    ['policy', RevocationTarget.REVOCATION_TARGET_POLICY, 'agent-to-api', 'policy-revoked'],
    ['credential', RevocationTarget.REVOCATION_TARGET_CREDENTIAL, 'api-token', 'credential-revoked'],
    ['workload', RevocationTarget.REVOCATION_TARGET_WORKLOAD, 'agent', 'workload-revoked'],
    ['tenant', RevocationTarget.REVOCATION_TARGET_TENANT, 'acme', 'tenant-revoked'],
  ])(
    'denies under a revoked %s at once, cached grant or not, until it is lifted',
    async (_what, target, name, reason) => {
      const client = await readyClient();
      await client.authorize(question());
      let seenAt = 0;
      client.onRevocation(() => {
        seenAt = performance.now();
      });
      const sentAt = performance.now();
      plane.revoke({ target, name });
      await until('the revocation', () => seenAt > 0);
      expect(seenAt - sentAt).toBeLessThan(1_000);
      expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason });
      plane.revoke({ target, name, lifted: true });
      await until('it was lifted', () => client.stats().activeRevocations === 0);
      expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
    },
  );

  it('denies at once when the whole session is refused for a reason that stands', async () => {
    const client = await readyClient({ limits: { reconnectGraceMs: 60_000 } });
    await client.authorize(question());
    plane.refuseAttest = 'workload-revoked';
    plane.endWatches('workload-revoked');
    await until('the link dropped', () => !client.connected);
    expect(client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'workload-revoked' });
    plane.refuseAttest = undefined;
    await until('the link came back', () => client.connected);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it('asks again when an answer was decided under an older policy than is known', async () => {
    const client = await readyClient();
    plane.decide = (request, sessionId) => {
      const behind = plane.questions.length === 1 ? { policyVersion: 1 } : {};
      return { $case: 'grant', value: plane.grantFor(request, sessionId, behind) };
    };
    plane.policyVersion = 2;
    plane.sendSnapshot();
    await until('the new policy', () => client.stats().policyVersion === 2);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', grant: { policyVersion: 2 } });
    expect(plane.questions).toHaveLength(2);
  });

  it('denies a grant that was decided before a revocation and comes after it', async () => {
    const client = await readyClient();
    let answer: () => void = () => {};
    plane.decide = async (request, sessionId) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return { $case: 'grant', value: plane.grantFor(request, sessionId) };
    };
    const asked = client.authorize(question());
    await until('the question arrived', () => plane.questions.length === 1);
    plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_CREDENTIAL, name: 'api-token' });
    await until('the revocation', () => client.stats().activeRevocations === 1);
    answer();
    expect(await asked).toMatchObject({ kind: 'denial', reason: 'credential-revoked' });
    expect(client.stats().cachedAnswers).toBe(0);
  });

  it('leaves a revoked session and attests again', async () => {
    const client = await readyClient();
    const id = client.session()?.id ?? '';
    plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_SESSION, name: id });
    await until('another session', () => client.connected && client.session()?.id !== id);
  });
});
