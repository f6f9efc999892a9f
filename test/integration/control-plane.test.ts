import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { genesisHash, nextHash } from '../../common/decision-chain.ts';
import { createPolicyClient, type PolicyClient } from '../../policy-client/index.ts';
import { ProofMaker } from '../../policy-client/proof.ts';
import { DecisionRecord, Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import { type AuthorizeRequest, EvidenceSubject, type WatchResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import { reasonFromNumber } from '../../proto/reasons.ts';
import { billingResources, resource, TestCluster, TestControlPlane } from '../support/control-plane.ts';
import { RawProxy, reasonOf } from '../support/raw-proxy.ts';

const QUESTION: Partial<AuthorizeRequest> = {
  destination: { scheme: 'https', host: 'api.example.com', port: 443 },
  http: { method: 'GET', path: '/v1/items', query: '', headers: [], inspected: undefined },
};

describe('control plane', () => {
  let plane: TestControlPlane;
  let cluster: TestCluster;
  let opened: { close(): unknown }[] = [];

  beforeAll(async () => {
    cluster = await TestCluster.create();
    plane = await TestControlPlane.start({ heartbeatMs: 200 });
    expect(await plane.rest('POST', '/v1/apply', { resources: billingResources(cluster) })).toMatchObject({
      status: 200,
    });
  }, 60_000);
  afterEach(async () => {
    for (const one of opened) await one.close();
    opened = [];
  });
  afterAll(async () => {
    await plane.close();
    expect(plane.errors).toEqual([]);
  });

  const proxy = (): RawProxy => {
    const one = new RawProxy(plane.running.grpcAddress, plane.running.caPem);
    opened.push(one);
    return one;
  };
  const attested = async (): Promise<RawProxy> => {
    const one = proxy();
    await one.attest(await cluster.token('prod', 'billing'));
    return one;
  };
  const apply = (...changed: unknown[]): Promise<unknown> => plane.rest('POST', '/v1/apply', { resources: changed });
  const revoke = (target: string, name: string): Promise<unknown> =>
    plane.rest('POST', '/v1/revocations', { target, name });
  const lift = (target: string, name: string): Promise<unknown> =>
    plane.rest('DELETE', '/v1/revocations', { target, name });

  it('turns evidence into a session with workloads, claims and event key', async () => {
    const one = await attested();
    expect(one.session).toMatchObject({ workloads: ['billing'], user: '' });
    expect(JSON.parse(one.session?.claimsJson ?? '')).toMatchObject({ kubernetes: { namespace: 'prod' } });
  });

  it.each([
    [
      'wrong audience',
      'evidence-wrong-audience',
      async () => ({ token: await cluster.token('prod', 'billing', 'other') }),
    ],
    ['no workload', 'workload-unknown', async () => ({ token: await cluster.token('test', 'billing') })],
    ['unknown tenant', 'evidence-wrong-issuer', async () => ({ changes: { tenant: 'nobody' } })],
    ['foreign proof', 'session-invalid', async () => ({ changes: { proxyKey: new ProofMaker().publicKeyDer } })],
    ['bad instance', 'bad-request', async () => ({ changes: { instanceId: 'x' } })],
  ])('refuses to attest: %s', async (_title, reason, make) => {
    const { token, changes } = (await make()) as { token?: string; changes?: object };
    const error = await proxy()
      .attest(token ?? (await cluster.token('prod', 'billing')), changes)
      .catch((refused: unknown) => refused);
    expect(reasonOf(error)).toBe(reason);
  });

  it('gives a session to nobody but the holder of its key', async () => {
    const owner = await attested();
    const thief = proxy();
    thief.session = owner.session;
    expect(reasonOf(await thief.ask(QUESTION).catch((error: unknown) => error))).toBe('session-invalid');
    const metadata = owner.metadata('authorize');
    await owner.ask(QUESTION, metadata);
    expect(reasonOf(await owner.ask(QUESTION, metadata).catch((error: unknown) => error))).toBe('proof-replayed');
    const forWatch = owner.metadata('watch');
    expect(reasonOf(await owner.ask(QUESTION, forWatch).catch((error: unknown) => error))).toBe('session-invalid');
  });

  it('grants the credential bound to this call', async () => {
    const one = await attested();
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
    const { outcome } = await (await attested()).ask({ ...QUESTION, ...changes });
    expect(outcome?.$case === 'denial' && reasonFromNumber(outcome.value.reason)).toBe(reason);
  });

  it('answers many questions on one stream', async () => {
    const one = await attested();
    const call = one.client.authorize(one.metadata('authorize'));
    const ids = new Set<number>();
    call.on('data', ({ id }: { id: number }) => ids.add(id));
    for (let id = 1; id <= 300; id += 1) call.write({ ...QUESTION, id, deadlineMs: 5_000 } as AuthorizeRequest);
    await vi.waitFor(() => expect(ids.size).toBe(300), 10_000);
    call.end();
  });

  it('watch: a signed snapshot first, heartbeats, then changes of policy', async () => {
    const one = await attested();
    const call = one.client.watch({ knownVersion: 0 }, one.metadata('watch'));
    const responses: WatchResponse[] = [];
    call.on('data', (response: WatchResponse) => responses.push(response));
    call.on('error', () => undefined);
    await vi.waitFor(() => expect(responses.length).toBeGreaterThan(3), 5_000);
    const key = createPublicKey({ key: JSON.parse(one.session?.eventKeyJson ?? ''), format: 'jwk' });
    for (const { event, keyId, signature } of responses) {
      expect(keyId).toBe(one.session?.eventKeyId);
      expect(verify('sha256', event, { key, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
    }
    call.cancel();
    const { cancel, events } = one.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(1), 5_000);
    expect(events[0]?.kind).toMatchObject({
      $case: 'snapshot',
      value: { routes: [{ serverWorkload: 'api', injectsCredential: true, decisionFacts: [1] }] },
    });
    await apply(resource('ServerWorkload', 'extra', { hosts: ['extra.example.com'] }), {
      ...resource('AccessPolicy', 'extra', { clientWorkload: '*', serverWorkload: 'extra' }),
    });
    await vi.waitFor(() => {
      const snapshots = events.flatMap(({ kind }) => (kind?.$case === 'snapshot' ? [kind.value] : []));
      expect(
        snapshots
          .at(-1)
          ?.routes.map((route) => route.serverWorkload)
          .sort(),
      ).toEqual(['api', 'extra']);
    }, 2_000);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_event, index) => index + 1));
    cancel();
  });

  it('revokes a policy within a second, and lifts it', async () => {
    const one = await attested();
    const { cancel, events } = one.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    const before = Date.now();
    await revoke('policy', 'read');
    await vi.waitFor(() => expect(events.some(({ kind }) => kind?.$case === 'revocation')).toBe(true), 1_000);
    expect(Date.now() - before).toBeLessThan(1_000);
    expect((await one.ask(QUESTION)).outcome).toMatchObject({ $case: 'denial', value: { reason: 11 } });
    await lift('policy', 'read');
    await vi.waitFor(
      () => expect(events.some(({ kind }) => kind?.$case === 'revocation' && kind.value.lifted)).toBe(true),
      1_000,
    );
    expect((await one.ask(QUESTION)).outcome?.$case).toBe('grant');
    cancel();
  });

  it('ends everything of a revoked workload, and refuses it at Attest', async () => {
    const one = await attested();
    const { ended, events } = one.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    await revoke('workload', 'billing');
    expect(reasonOf(await ended)).toBe('workload-revoked');
    expect(events.some(({ kind }) => kind?.$case === 'revocation' && kind.value.name === 'billing')).toBe(true);
    expect(reasonOf(await one.ask(QUESTION).catch((error: unknown) => error))).toBe('workload-revoked');
    expect(reasonOf(await attested().catch((error: unknown) => error))).toBe('workload-revoked');
    await lift('workload', 'billing');
    await vi.waitFor(async () => expect((await attested()).session?.workloads).toEqual(['billing']), 2_000);
  });

  it('burns the evidence of a revoked session', async () => {
    const token = await cluster.token('prod', 'billing');
    const one = proxy();
    const { sessionId } = await one.attest(token);
    await revoke('session', sessionId);
    expect(reasonOf(await one.ask(QUESTION).catch((error: unknown) => error))).toBe('session-revoked');
    expect(
      reasonOf(
        await proxy()
          .attest(token)
          .catch((error: unknown) => error),
      ),
    ).toBe('evidence-revoked');
    expect((await attested()).session?.workloads).toEqual(['billing']);
  });

  it('revokes the renewals of a session with it', async () => {
    const one = await attested();
    const first = one.session?.sessionId ?? '';
    const renewed = one.moveTo(proxy());
    await renewed.attest(await cluster.token('prod', 'billing'));
    const { ended, events } = renewed.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    const bystander = await attested();
    await revoke('session', first);
    expect(reasonOf(await ended)).toBe('session-revoked');
    expect(reasonOf(await renewed.ask(QUESTION).catch((error: unknown) => error))).toMatch(
      /^session-(revoked|invalid)$/,
    );
    expect((await bystander.ask(QUESTION)).outcome?.$case).toBe('grant');
  });

  it.each([
    ['evidence-missing', ''],
    ['evidence-malformed', 'no token'],
  ])('tells nothing of a tenant by %s', async (reason, token) => {
    for (const tenant of ['default', 'nobody']) {
      const refused = await proxy()
        .attest(token, { tenant })
        .catch((error: unknown) => error);
      expect([tenant, reasonOf(refused)]).toEqual([tenant, reason]);
    }
  });

  it("lets no other workload write into a proxy's decision chain", async () => {
    await apply(
      resource('ClientWorkload', 'support', {
        selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'support' }] },
      }),
    );
    const owner = await attested();
    const thief = proxy();
    const token = await cluster.token('support', 'bot');
    await vi.waitFor(async () => {
      const refused = await thief.attest(token, { instanceId: owner.instanceId }).catch((error: unknown) => error);
      expect(reasonOf(refused)).toBe('caller-refused');
    }, 2_000);
  });

  it('issues an intermediate for the routes of the session', async () => {
    const one = proxy();
    const session = await one.attest(await cluster.token('prod', 'billing'), { wantCertificateAuthority: true });
    const [intermediate, root] = (session.certificateAuthority?.chain ?? []).map((der) => new X509Certificate(der));
    expect(session.certificateAuthority?.permittedHosts).toContain('api.example.com');
    expect(root && intermediate?.verify(root.publicKey)).toBe(true);
    expect(intermediate?.publicKey.export({ type: 'spki', format: 'der' })).toEqual(one.proofs.publicKeyDer);
  });

  it('stores decisions, proves the chain, and refuses a broken one', async () => {
    const one = await attested();
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
    call.write({ records: [link] });
    call.write({ records: [link] });
    await vi.waitFor(() => expect(acks).toEqual([1, 1]), 5_000);
    call.write({ records: [{ ...link, sequence: 3 }] });
    expect(await ended).toMatchObject({ code: 9 });
    expect(await plane.rest('GET', '/v1/decisions?limit=1')).toMatchObject({
      body: { decisions: [{ id: 'decision-1' }] },
    });
    expect(await plane.rest('GET', '/v1/verify-log')).toMatchObject({ body: { ok: true } });
  });

  it('serves the policy client: attest, watch, authorize, report', async () => {
    const client: PolicyClient = createPolicyClient({
      address: plane.running.grpcAddress,
      caPem: plane.running.caPem,
      tenant: 'default',
      evidence: async () => [
        {
          kind: 'kubernetes',
          token: Buffer.from(await cluster.token('prod', 'billing')),
          subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD,
        },
      ],
    });
    opened.push({ close: () => client.close(2_000) });
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
      expect(await plane.rest('GET', '/v1/decisions?id=by-client')).toMatchObject({
        body: { decisions: [{ id: 'by-client' }] },
      });
    }, 5_000);
    await revoke('credential', 'key');
    await vi.waitFor(async () => expect(await client.authorize(question)).toMatchObject({ kind: 'denial' }), 1_000);
    await lift('credential', 'key');
    await vi.waitFor(async () => expect(await client.authorize(question)).toMatchObject({ kind: 'grant' }), 1_000);
  });

  it('explains, and never shows a secret', async () => {
    const question = { workload: 'billing', url: 'https://api.example.com/v1/items', method: 'DELETE' };
    expect(await plane.rest('POST', '/v1/explain', question)).toMatchObject({
      status: 200,
      body: { outcome: 'deny', reason: 'rule-denied' },
    });
    const all = await plane.rest('GET', '/v1/resources');
    expect(JSON.stringify(all.body)).not.toContain('top-secret-value');
  });

  it('refuses resources whose expressions do not compile', async () => {
    const broken = resource('AccessCondition', 'broken', { type: 'cel', expression: 'request.method ==' });
    expect(await apply(broken)).toMatchObject({
      status: expect.toSatisfy((status: number) => status >= 400 && status < 500),
    });
  });
});
