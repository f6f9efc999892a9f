import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { genesisHash, nextHash } from '../../common/decision-chain.ts';
import { DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { WatchResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import { REASONS } from '../../proto/reasons.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';
import { billingResources, resource } from '../support/control-plane/control-plane.ts';
import { reasonOf } from '../support/agents/raw-proxy.ts';

describe('control plane when something changes', () => {
  const billing = useBillingPlane();

  it('watch: a signed snapshot first, heartbeats, then changes of policy', async () => {
    const one = await billing.attested();
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
    await billing.apply(resource('ServerWorkload', 'extra', { hosts: ['extra.example.com'] }), {
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

  it('takes the records of a revoked session, which may do nothing else', async () => {
    const one = await billing.attested();
    await billing.revoke('session', one.session?.sessionId ?? '');
    const refused = (): Promise<unknown> => one.ask(QUESTION).then(() => 'answered', reasonOf);
    await vi.waitFor(async () => expect(await refused()).toMatch(/^session-/), 5_000);
    const record = Buffer.from(
      DecisionRecord.encode(
        DecisionRecord.fromPartial({
          id: 'after-revocation',
          at: new Date(),
          instanceId: one.instanceId,
          sessionId: one.session?.sessionId ?? '',
          workloads: ['billing'],
        }),
      ).finish(),
    );
    const previousHash = genesisHash(one.instanceId);
    const link = { sequence: 1, previousHash, hash: nextHash(previousHash, record), record };
    // Again and again: nothing that one stream leaves behind may matter to another.
    expect(await one.report([link])).toBe(1);
    expect(await refused()).toMatch(/^session-(revoked|invalid)$/);
    expect(await one.report([link])).toBe(1);
  });

  it('revokes a policy within a second, and lifts it', async () => {
    const one = await billing.attested();
    const { cancel, events } = one.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    const before = Date.now();
    await billing.revoke('policy', 'read');
    await vi.waitFor(() => expect(events.some(({ kind }) => kind?.$case === 'revocation')).toBe(true), 1_000);
    expect(Date.now() - before).toBeLessThan(10_000);
    expect((await one.ask(QUESTION)).outcome).toMatchObject({ $case: 'denial', value: { reason: 11 } });
    await billing.lift('policy', 'read');
    await vi.waitFor(
      () => expect(events.some(({ kind }) => kind?.$case === 'revocation' && kind.value.lifted)).toBe(true),
      1_000,
    );
    expect((await one.ask(QUESTION)).outcome?.$case).toBe('grant');
    cancel();
  });

  it('ends everything of a revoked workload, and refuses it at Attest', async () => {
    const one = await billing.attested();
    const { ended, events } = one.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    await billing.revoke('workload', 'billing');
    expect(reasonOf(await ended)).toBe('workload-revoked');
    expect(events.some(({ kind }) => kind?.$case === 'revocation' && kind.value.name === 'billing')).toBe(true);
    expect(reasonOf(await one.ask(QUESTION).catch((error: unknown) => error))).toBe('workload-revoked');
    expect(reasonOf(await billing.attested().catch((error: unknown) => error))).toBe('workload-revoked');
    await billing.lift('workload', 'billing');
    await vi.waitFor(async () => expect((await billing.attested()).session?.workloads).toEqual(['billing']), 2_000);
  });

  it('burns the evidence of a revoked session', async () => {
    const token = await billing.cluster.token('prod', 'billing');
    const one = billing.proxy();
    const { sessionId } = await one.attest(token);
    await billing.revoke('session', sessionId);
    expect(reasonOf(await one.ask(QUESTION).catch((error: unknown) => error))).toBe('session-revoked');
    expect(
      reasonOf(
        await billing
          .proxy()
          .attest(token)
          .catch((error: unknown) => error),
      ),
    ).toBe('evidence-revoked');
    expect((await billing.attested()).session?.workloads).toEqual(['billing']);
  });

  it('revokes the renewals of a session with it', async () => {
    const one = await billing.attested();
    const first = one.session?.sessionId ?? '';
    const renewed = one.moveTo(billing.proxy());
    await renewed.attest(await billing.cluster.token('prod', 'billing'));
    const { ended, events } = renewed.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    const bystander = await billing.attested();
    await billing.revoke('session', first);
    expect(reasonOf(await ended)).toBe('session-revoked');
    expect(reasonOf(await renewed.ask(QUESTION).catch((error: unknown) => error))).toMatch(
      /^session-(revoked|invalid)$/,
    );
    expect((await bystander.ask(QUESTION)).outcome?.$case).toBe('grant');
  });

  it('takes the evidence of a revoked session again once that is lifted, its renewals with it', async () => {
    const token = await billing.cluster.token('prod', 'billing');
    const one = billing.proxy();
    const { sessionId } = await one.attest(token);
    const renewed = await one.moveTo(billing.proxy()).attest(token);
    await billing.revoke('session', sessionId);
    await billing.lift('session', sessionId);
    const { body } = await billing.plane.rest('GET', '/v1/revocations');
    expect(JSON.stringify(body)).not.toContain(renewed.sessionId);
    expect((await billing.proxy().attest(token)).workloads).toEqual(['billing']);
  });

  it('ends the sessions that a trust provider vouched for when it says something else, and takes the same evidence again', async () => {
    const one = await billing.attested();
    const { ended, events } = one.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    const [provider] = billingResources(billing.cluster) as [{ spec: Record<string, unknown> }];
    const spec = { ...provider.spec, allowedAddresses: ['10.0.0.1/32'] };
    const changedAt = Date.now();
    expect(await billing.apply(resource('TrustProvider', 'cluster', spec))).toMatchObject({ status: 200 });
    expect(reasonOf(await ended)).toBe('trust-withdrawn');
    expect(Date.now() - changedAt).toBeLessThan(10_000);
    // Told as a revocation first, so that the proxy cuts what runs.
    expect(events.at(-1)?.kind).toMatchObject({ $case: 'revocation', value: { name: one.session?.sessionId } });
    expect(reasonOf(await one.ask(QUESTION).catch((error: unknown) => error))).toMatch(
      /^(trust-withdrawn|session-invalid)$/,
    );
    const { body } = await billing.plane.rest('GET', '/v1/sessions');
    expect(JSON.stringify(body)).not.toContain(one.session?.sessionId);
    expect((await billing.attested()).session?.workloads).toEqual(['billing']);
  });

  it('keeps a session ended when its trust provider, or its revocation, is put back', async () => {
    const trusting = await billing.attested();
    expect((await trusting.ask(QUESTION)).outcome?.$case).toBe('grant');
    const { body } = await billing.plane.rest('GET', '/v1/resources/TrustProvider/cluster');
    const { spec } = body as { readonly spec: Record<string, unknown> };
    await billing.apply(resource('TrustProvider', 'cluster', { ...spec, allowedAddresses: ['10.0.0.2/32'] }));
    await vi.waitFor(async () => {
      const bystander = await billing.attested();
      expect(bystander.session?.workloads).toEqual(['billing']);
    }, 5_000);
    await billing.apply(resource('TrustProvider', 'cluster', spec));
    const revoked = await billing.attested();
    // Of each an open stream, which needs no entrance any more.
    const call = revoked.client.authorize(revoked.metadata('authorize'));
    const answers: unknown[] = [];
    call.on('data', ({ outcome }) => answers.push(outcome));
    call.on('error', () => undefined);
    const question = { destination: undefined, http: undefined, policyChange: '', ...QUESTION };
    const ask = (): boolean => call.write({ id: 1, deadlineMs: 5_000, policyVersion: 0, dryRun: false, ...question });
    ask();
    await vi.waitFor(() => expect(answers).toMatchObject([{ $case: 'grant' }]), 10_000);
    await billing.revoke('session', revoked.session?.sessionId ?? '');
    await billing.lift('session', revoked.session?.sessionId ?? '');
    ask();
    const denial = { $case: 'denial', value: { reason: REASONS['session-invalid'].number } };
    await vi.waitFor(() => expect(answers[1]).toMatchObject(denial), 10_000);
    call.end();
    for (const ended of [trusting, revoked]) {
      expect(reasonOf(await ended.ask(QUESTION).catch((error: unknown) => error))).toBe('session-invalid');
    }
  });

  it('leaves sessions alone when only what people read of a trust provider changes', async () => {
    const one = await billing.attested();
    const { body } = await billing.plane.rest('GET', '/v1/resources/TrustProvider/cluster');
    const described = { ...(body as object), metadata: { name: 'cluster', description: 'Ours.' } };
    expect(await billing.apply(described)).toMatchObject({ status: 200 });
    expect((await one.ask(QUESTION)).outcome?.$case).toBe('grant');
  });
});
