import { X509Certificate } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { genesisHash, nextHash } from '../../common/decision-chain.ts';
import { createPolicyClient, type PolicyClient } from '../../policy-client/index.ts';
import { ProofMaker } from '../../policy-client/attest/proof.ts';
import { DecisionRecord, Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import { type AuthorizeRequest } from '../../proto/gen/sidekey/v1/proxy.ts';
import { reasonFromNumber } from '../../proto/reasons.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';
import { resource } from '../support/control-plane/control-plane.ts';
import { reasonOf } from '../support/agents/raw-proxy.ts';

describe('control plane', () => {
  const billing = useBillingPlane();

  it('turns evidence into a session with workloads, claims and event key', async () => {
    const one = await billing.attested();
    expect(one.session).toMatchObject({ workloads: ['billing'], user: '' });
    expect(JSON.parse(one.session?.claimsJson ?? '')).toMatchObject({ kubernetes: { namespace: 'prod' } });
  });

  it('has sessions renewed half through their life, no two of them at once', async () => {
    const left: number[] = [];
    for (let each = 0; each < 6; each += 1) {
      const { session } = await billing.attested();
      left.push((session?.notAfter?.getTime() ?? Number.NaN) - (session?.renewAfter?.getTime() ?? Number.NaN));
    }
    // Of 900 seconds; an end is told in whole seconds.
    expect(Math.min(...left)).toBeGreaterThan(359_000);
    expect(Math.max(...left)).toBeLessThanOrEqual(540_000);
    // By chance they lie as near to each other once in ten million times.
    expect(Math.max(...left) - Math.min(...left)).toBeGreaterThan(5_000);
  });

  it.each([
    [
      'wrong audience',
      'evidence-wrong-audience',
      async () => ({ token: await billing.cluster.token('prod', 'billing', 'other') }),
    ],
    ['no workload', 'workload-unknown', async () => ({ token: await billing.cluster.token('test', 'billing') })],
    ['unknown tenant', 'evidence-wrong-issuer', async () => ({ changes: { tenant: 'nobody' } })],
    ['foreign proof', 'session-invalid', async () => ({ changes: { proxyKey: new ProofMaker().publicKeyDer } })],
    ['bad instance', 'bad-request', async () => ({ changes: { instanceId: 'x' } })],
  ])('refuses to attest: %s', async (_title, reason, make) => {
    const { token, changes } = (await make()) as { token?: string; changes?: object };
    const error = await billing
      .proxy()
      .attest(token ?? (await billing.cluster.token('prod', 'billing')), changes)
      .catch((refused: unknown) => refused);
    expect(reasonOf(error)).toBe(reason);
  });

  it('gives a session to nobody but the holder of its key', async () => {
    const owner = await billing.attested();
    const thief = billing.proxy();
    thief.session = owner.session;
    expect(reasonOf(await thief.ask(QUESTION).catch((error: unknown) => error))).toBe('session-invalid');
    const metadata = owner.metadata('authorize');
    await owner.ask(QUESTION, metadata);
    expect(reasonOf(await owner.ask(QUESTION, metadata).catch((error: unknown) => error))).toBe('proof-replayed');
    const forWatch = owner.metadata('watch');
    expect(reasonOf(await owner.ask(QUESTION, forWatch).catch((error: unknown) => error))).toBe('session-invalid');
  });

  it('keeps few watches of one session: the last ones opened', async () => {
    const one = await billing.attested();
    const watches: ReturnType<typeof one.watch>[] = [];
    for (let opened = 0; opened < 40; opened += 1) {
      const watch = one.watch();
      watches.push(watch);
      await vi.waitFor(() => expect(watch.events.length).toBeGreaterThan(0), { timeout: 10_000 });
    }
    const ended = await Promise.all(watches.slice(0, 32).map((watch) => watch.ended));
    expect(new Set(ended.map(reasonOf))).toEqual(new Set(['overloaded']));
    const [last] = watches.slice(-1);
    const seen = last?.events.length ?? 0;
    await vi.waitFor(() => expect(last?.events.length).toBeGreaterThan(seen), { timeout: 20_000 });
    for (const watch of watches) watch.cancel();
  }, 90_000);

  it('keeps few streams of records and of questions of one session: the last ones opened', async () => {
    const one = await billing.attested();
    const question = { ...QUESTION, id: 1, deadlineMs: 5_000, policyVersion: 0 } as AuthorizeRequest;
    const openers = [
      () => {
        const call = one.client.reportDecisions(one.metadata('reportDecisions'));
        call.write({ records: [], missingAfter: undefined });
        return call;
      },
      () => {
        const call = one.client.authorize(one.metadata('authorize'));
        call.write(question);
        return call;
      },
    ];
    for (const open of openers) {
      const ended: unknown[] = [];
      const calls: ReturnType<typeof open>[] = [];
      for (let opened = 0; opened < 12; opened += 1) {
        const call = open();
        calls.push(call);
        let answers = 0;
        call.on('data', () => (answers += 1));
        call.on('error', (error: unknown) => ended.push(reasonOf(error)));
        await vi.waitFor(() => expect(answers).toBe(1), { timeout: 10_000 });
      }
      await vi.waitFor(() => expect(ended).toEqual(Array.from({ length: 4 }, () => 'overloaded')), { timeout: 10_000 });
      for (const call of calls) call.end();
    }
  }, 90_000);

  it('grants the credential bound to this call', async () => {
    const one = await billing.attested();
    const answer = await one.ask(QUESTION);
    expect(answer).toMatchObject({
      id: 7,
      outcome: {
        $case: 'grant',
        value: {
          binding: {
            sessionId: one.session?.sessionId,
            workloads: ['billing'],
            serverWorkload: 'api',
            destination: QUESTION.destination,
            method: 'GET',
            path: '/v1/items',
          },
          injections: [{ kind: { $case: 'bearer', value: { token: Buffer.from('top-secret-value') } } }],
          cacheLease: { seconds: 20 },
          accessPolicy: 'read',
          credentialProvider: 'key',
          credentialProviders: ['key'],
        },
      },
    });
  });

  it.each([
    ['rule-denied', { http: { method: 'DELETE', path: '/v1/items', query: '', headers: [], inspected: undefined } }],
    ['rule-denied', { http: { method: 'GET', path: '/v2', query: '', headers: [], inspected: undefined } }],
    ['path-refused', { http: { method: 'GET', path: '/v1/../v2', query: '', headers: [], inspected: undefined } }],
    ['path-refused', { http: { method: 'GET', path: '/v1//x', query: '', headers: [], inspected: undefined } }],
    ['no-route', { destination: { scheme: 'https', host: 'evil.example', port: 443 } }],
    ['bad-request', { destination: { scheme: 'https', host: 'API.example.com', port: 443 } }],
    ['bad-request', { destination: { scheme: 'ftp', host: 'api.example.com', port: 443 } }],
    ['bad-request', { destination: undefined }],
    ['cleartext-refused', { destination: { scheme: 'http', host: 'api.example.com', port: 443 } }],
  ])('denies: %s %j', async (reason, changes) => {
    const { outcome } = await (await billing.attested()).ask({ ...QUESTION, ...changes });
    expect(outcome?.$case === 'denial' && reasonFromNumber(outcome.value.reason)).toBe(reason);
  });

  it('answers many questions on one stream', async () => {
    const one = await billing.attested();
    const call = one.client.authorize(one.metadata('authorize'));
    const ids = new Set<number>();
    call.on('data', ({ id }: { id: number }) => ids.add(id));
    for (let id = 1; id <= 300; id += 1)
      call.write({ ...QUESTION, id, deadlineMs: 5_000, policyVersion: 0 } as AuthorizeRequest);
    await vi.waitFor(() => expect(ids.size).toBe(300), 10_000);
    call.end();
  });

  it.each([
    ['evidence-missing', ''],
    ['evidence-malformed', 'no token'],
  ])('tells nothing of a tenant by %s', async (reason, token) => {
    for (const tenant of ['default', 'nobody']) {
      const refused = await billing
        .proxy()
        .attest(token, { tenant })
        .catch((error: unknown) => error);
      expect([tenant, reasonOf(refused)]).toEqual([tenant, reason]);
    }
  });

  it("lets no other workload write into a proxy's decision chain", async () => {
    await billing.apply(
      resource('ClientWorkload', 'support', {
        selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'support' }] },
      }),
    );
    const owner = await billing.attested();
    const thief = billing.proxy();
    const token = await billing.cluster.token('support', 'bot');
    await vi.waitFor(async () => {
      const refused = await thief.attest(token, { instanceId: owner.instanceId }).catch((error: unknown) => error);
      expect(reasonOf(refused)).toBe('caller-refused');
    }, 2_000);
  });

  it('issues an intermediate for the routes of the session', async () => {
    const one = billing.proxy();
    const session = await one.attest(await billing.cluster.token('prod', 'billing'), {
      wantCertificateAuthority: true,
    });
    const [intermediate, root] = (session.certificateAuthority?.chain ?? []).map((der) => new X509Certificate(der));
    expect(session.certificateAuthority?.permittedHosts).toContain('api.example.com');
    expect(root && intermediate?.verify(root.publicKey)).toBe(true);
    expect(intermediate?.publicKey.export({ type: 'spki', format: 'der' })).toEqual(one.proofs.publicKeyDer);
  });

  it('stores decisions, proves the chain, and refuses a broken one', async () => {
    const one = await billing.attested();
    const record = Buffer.from(
      DecisionRecord.encode(
        DecisionRecord.fromPartial({
          id: 'decision-1',
          at: new Date(),
          outcome: Outcome.OUTCOME_ALLOWED,
          reason: 1,
          instanceId: one.instanceId,
          sessionId: one.session?.sessionId ?? '',
          workloads: ['billing'],
        }),
      ).finish(),
    );
    const previousHash = genesisHash(one.instanceId);
    const link = { sequence: 1, previousHash, hash: nextHash(previousHash, record), record };
    const call = one.client.reportDecisions(one.metadata('reportDecisions'));
    const acks: number[] = [];
    call.on('data', ({ ackedSequence }: { ackedSequence: number }) => acks.push(ackedSequence));
    const ended = new Promise<unknown>((resolve) => call.once('error', resolve));
    call.write({ records: [link], missingAfter: undefined });
    call.write({ records: [link], missingAfter: undefined });
    await vi.waitFor(() => expect(acks).toEqual([1, 1]), 5_000);
    call.write({ records: [{ ...link, sequence: 3 }], missingAfter: undefined });
    expect(await ended).toMatchObject({ code: 9 });
    expect(await billing.plane.rest('GET', '/v1/decisions?limit=1')).toMatchObject({
      body: { decisions: [{ id: 'decision-1' }] },
    });
    expect(await billing.plane.rest('GET', '/v1/verify-log')).toMatchObject({ body: { ok: true } });
  });

  it('serves the policy client: attest, watch, authorize, report', async () => {
    const client: PolicyClient = createPolicyClient({
      address: billing.plane.running.grpcAddress,
      caPem: billing.plane.running.caPem,
      tenant: 'default',
      evidence: async () => [await billing.cluster.billingEvidence()],
    });
    billing.track({ close: () => client.close(2_000) });
    await client.start();
    await client.ready;
    const route = client.routes().find((candidate) => candidate.serverWorkload === 'api');
    if (!route) throw new Error('no route');
    const destination = { scheme: 'https', host: 'api.example.com', port: 443 };
    const question = { destination, method: 'GET', path: '/v1/items', route };
    expect(await client.authorize(question)).toMatchObject({ kind: 'grant', fromCache: false });
    expect(await client.authorize(question)).toMatchObject({ kind: 'grant', fromCache: true });
    client.record(DecisionRecord.fromPartial({ id: 'by-client', at: new Date(), outcome: Outcome.OUTCOME_ALLOWED }));
    await vi.waitFor(async () => {
      expect(await billing.plane.rest('GET', '/v1/decisions?id=by-client')).toMatchObject({
        body: { decisions: [{ id: 'by-client' }] },
      });
    }, 5_000);
    await billing.revoke('credential', 'key');
    await vi.waitFor(async () => expect(await client.authorize(question)).toMatchObject({ kind: 'denial' }), 1_000);
    await billing.lift('credential', 'key');
    await vi.waitFor(async () => expect(await client.authorize(question)).toMatchObject({ kind: 'grant' }), 1_000);
  });

  it('explains, and never shows a secret', async () => {
    const question = { workload: 'billing', url: 'https://api.example.com/v1/items', method: 'DELETE' };
    expect(await billing.plane.rest('POST', '/v1/explain', question)).toMatchObject({
      status: 200,
      body: { outcome: 'deny', reason: 'rule-denied' },
    });
    const all = await billing.plane.rest('GET', '/v1/resources');
    expect(JSON.stringify(all.body)).not.toContain('top-secret-value');
  });

  it('refuses resources whose expressions do not compile', async () => {
    const broken = resource('AccessCondition', 'broken', { type: 'cel', expression: 'request.method ==' });
    expect(await billing.apply(broken)).toMatchObject({
      status: expect.toSatisfy((status: number) => status >= 400 && status < 500),
    });
  });
});
