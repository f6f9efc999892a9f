import { describe, expect, it } from 'vitest';
import { Denial, type Grant } from '../../../proto/gen/sidekey/v1/grant.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { question } from '../../support/policy-client/policy-client.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { until } from '../../support/until.ts';

const links = useLinkedClients();

function grantAlways(changes: Partial<Grant>): void {
  links.plane.decide = (request, sessionId) => ({
    $case: 'grant',
    value: links.plane.grantFor(request, sessionId, changes),
  });
}

const denied = (reason: Reason) =>
  ({ $case: 'denial', value: Denial.fromPartial({ reason: REASONS[reason].number }) }) as const;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Long enough for a busy machine to notice within it that the control plane is gone. */
const LEASE_MS = 2_000;

describe('fail modes', () => {
  const lease = { cacheLease: { seconds: LEASE_MS / 1_000, nanos: 0 } };

  it('closed: serves within the lease and denies after it', async () => {
    grantAlways(lease);
    const client = await links.readyClient({ limits: { reconnectGraceMs: 10 } });
    await client.authorize(question());
    await links.goAway(client);
    expect(client.authorize(question())).toMatchObject({ kind: 'grant', stale: false });
    await pause(LEASE_MS + 50);
    expect(client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'control-plane-unavailable' });
  });

  it('stale: serves until the age, then denies', async () => {
    grantAlways({ ...lease, failMode: { staleMaxAge: { seconds: 3, nanos: 0 } } });
    const client = await links.readyClient({ limits: { reconnectGraceMs: 10 } });
    await client.authorize(question());
    await links.goAway(client);
    await pause(LEASE_MS + 50);
    expect(client.authorize(question())).toMatchObject({ kind: 'grant', stale: true });
    await pause(3_050);
    expect(client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'control-plane-unavailable' });
    expect(client.stats().staleHits).toBe(1);
  });

  it('stale: never beyond the end of the grant itself', async () => {
    const notAfter = new Date(Date.now() + 400);
    grantAlways({ ...lease, notAfter, failMode: { staleMaxAge: { seconds: 60, nanos: 0 } } });
    const client = await links.readyClient({ limits: { reconnectGraceMs: 10 } });
    await client.authorize(question());
    await links.goAway(client);
    await pause(420);
    expect(client.authorize(question())).toMatchObject({ kind: 'denial' });
  });

  it.each([
    ['does not answer', 'authorize-timeout', () => new Promise<never>(() => {})],
    ['says that it could not in time', 'authorize-timeout', () => denied('authorize-timeout')],
    ['says that its database is away', 'control-plane-unavailable', () => denied('control-plane-unavailable')],
  ] as const)('stale: serves when the control plane is there but %s', async (_what, reason, silent) => {
    grantAlways({ cacheLease: { seconds: 0, nanos: 50e6 }, failMode: { staleMaxAge: { seconds: 60, nanos: 0 } } });
    const client = await links.readyClient({ limits: { authorizeTimeoutMs: 200 } });
    await client.authorize(question());
    links.plane.decide = silent;
    await pause(100);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', stale: true });
    expect(client.stats()).toMatchObject({ connected: true, staleHits: 1 });
    expect(await client.authorize(question({ path: '/other' }))).toMatchObject({
      kind: 'denial',
      reason,
    });
  });

  it.each([
    ['the watch', () => links.plane.end('watches', 'workload-revoked')],
    ['the questions', () => links.plane.end('asks', 'workload-revoked')],
  ])('stale: serves nothing that waits when the session is refused on %s', async (_where, refuse) => {
    grantAlways({ cacheLease: { seconds: 0, nanos: 50e6 }, failMode: { staleMaxAge: { seconds: 60, nanos: 0 } } });
    const client = await links.readyClient();
    await client.authorize(question());
    await pause(100);
    links.plane.decide = () => new Promise(() => {});
    links.plane.refuseAttest = 'workload-revoked';
    const { length } = links.plane.questions;
    const answer = client.authorize(question());
    await until('it was asked', () => links.plane.questions.length > length);
    refuse();
    expect(await answer).toMatchObject({ kind: 'denial', reason: 'workload-revoked' });
  });

  it('closed: denies when the control plane is there but does not answer', async () => {
    grantAlways({ cacheLease: { seconds: 0, nanos: 50e6 } });
    const client = await links.readyClient({ limits: { authorizeTimeoutMs: 200 } });
    await client.authorize(question());
    links.plane.decide = () => new Promise(() => {});
    await pause(100);
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'authorize-timeout' });
  });

  it('asks, while connected, once the lease has ended', async () => {
    grantAlways({ ...lease, failMode: { staleMaxAge: { seconds: 60, nanos: 0 } } });
    const client = await links.readyClient();
    await client.authorize(question());
    await pause(LEASE_MS + 50);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', fromCache: false, stale: false });
  });

  it('holds a question over a short outage', async () => {
    const client = await links.readyClient({ limits: { reconnectGraceMs: 3_000 } });
    await links.goAway(client);
    const answer = client.authorize(question());
    await links.plane.start();
    expect(await answer).toMatchObject({ kind: 'grant' });
  });

  it('asks again what was in flight when the control plane died', async () => {
    let asked = 0;
    const { decide } = links.plane;
    links.plane.decide = (request, sessionId) => {
      asked += 1;
      return asked === 1 ? new Promise(() => {}) : decide(request, sessionId);
    };
    const client = await links.readyClient({ limits: { reconnectGraceMs: 3_000 } });
    const answer = client.authorize(question());
    await until('the question arrived', () => asked === 1);
    links.plane.stop();
    await links.plane.start();
    expect(await answer).toMatchObject({ kind: 'grant' });
  });
});
