import { describe, expect, it } from 'vitest';
import type { Revocation } from '../../../policy-client/index.ts';
import { RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { until } from '../../support/until.ts';

const link = useLinkedClients();

describe('watch', () => {
  it('takes changed routes', async () => {
    const client = await link.readyClient();
    let changes = 0;
    client.onChange(() => {
      changes += 1;
    });
    link.plane.policyVersion = 2;
    link.plane.snapshot = { routes: [] };
    link.plane.sendSnapshot();
    await until('the change', () => changes === 1);
    expect(client.routes()).toEqual([]);
  });

  it.each([
    ['another signature', () => (link.plane.tamper = (event) => ({ ...event, signature: Buffer.alloc(64) }))],
    [
      'changed bytes',
      () =>
        (link.plane.tamper = (event) => ({ ...event, event: Buffer.concat([event.event, Buffer.from([0x7a, 0])]) })),
    ],
    ['the name of another key', () => (link.plane.tamper = (event) => ({ ...event, keyId: 'other' }))],
  ])('drops the link on an event with %s', async (_what, tamper) => {
    const client = await link.readyClient();
    tamper();
    link.plane.sendEvent({});
    await until('the link dropped', () => !client.connected);
    link.plane.tamper = (event) => event;
    await until('it came back', () => client.connected);
  });

  it.each([
    ['a lost event', { sequence: 9 }],
    ['a repeated event', { sequence: 1 }],
    ["another session's event", { sessionId: 'other' }],
  ])('drops the link on %s', async (_what, changes) => {
    const client = await link.readyClient();
    const connections: boolean[] = [];
    client.onConnection((connected) => connections.push(connected));
    link.plane.sendEvent(changes);
    await until('the link dropped and came back', () => connections.length === 2);
    expect(connections).toEqual([false, true]);
  });

  it('counts a silent control plane as gone and connects anew', async () => {
    link.plane.beat = false;
    const client = await link.readyClient({ limits: { heartbeatTimeoutMs: 100 } });
    await until('the link dropped', () => !client.connected);
    await until('it came back', () => client.connected);
    expect(client.stats().reconnects).toBeGreaterThan(0);
  });

  it('says for what reason its session is revoked, and when it is not', async () => {
    const client = await link.readyClient();
    link.plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_USER, name: 'somebody else' });
    link.plane.revoke({
      target: RevocationTarget.REVOCATION_TARGET_WORKLOAD,
      name: client.session()?.workloads[0] ?? '',
    });
    await until('the revocation', () => client.stats().activeRevocations === 2);
    expect(client.revoked()).toBe('workload-revoked');
    link.plane.snapshot = { revocations: [] };
    link.plane.sendSnapshot();
    await until('it was lifted', () => client.stats().activeRevocations === 0);
    expect(client.revoked()).toBeUndefined();
  });

  it('reports revocations, those missed while away included', async () => {
    const client = await link.readyClient();
    const names: string[] = [];
    client.onRevocation(({ name }: Revocation) => names.push(name));
    link.plane.revoke({ target: RevocationTarget.REVOCATION_TARGET_POLICY, name: 'p1' });
    await until('the revocation', () => names.length === 1);
    link.plane.stop();
    link.plane.snapshot = {
      revocations: [
        { id: 'r2', target: RevocationTarget.REVOCATION_TARGET_POLICY, name: 'p2', at: new Date(), lifted: false },
      ],
    };
    await link.plane.start();
    await until('the missed one', () => names.length === 2);
    expect(names).toEqual(['p1', 'p2']);
  });
});
