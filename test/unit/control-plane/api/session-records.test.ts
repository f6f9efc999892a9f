import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SessionRecord, SessionRecords } from '../../../../control-plane/api/session-records.ts';
import { liftRevocation, loadRevocations, revoke } from '../../../../control-plane/policy/revocation-store.ts';
import { CHANNELS, openStore, type SqlStore } from '../../../../control-plane/store/sql.ts';

const TENANT = 'default';
const DAY_MS = 86_400_000;

describe('SessionRecords and revoked sessions', () => {
  let store: SqlStore;
  let records: SessionRecords;
  beforeAll(async () => {
    store = await openStore();
    records = new SessionRecords(store);
  }, 60_000);
  afterAll(() => store.close());

  const sessionOf = (instanceId: string, hash: string, notAfter = Date.now() + 60_000): SessionRecord => ({
    ticket: { id: randomUUID(), tenant: TENANT, instanceId, proxyKeyThumbprint: `key of ${instanceId}`, notAfter },
    workloads: ['billing'],
    user: undefined,
    trust: [],
    trustDigests: {},
    claims: {},
    userClaims: {},
    evidenceHashes: [hash],
    authorityKey: undefined,
    eventKeyId: 'event-key',
  });
  const added = async (record: SessionRecord): Promise<string> => {
    expect(await records.add(record)).toBe('added');
    return record.ticket.id;
  };
  const revokeSession = (name: string): Promise<unknown> =>
    store.transaction(TENANT, (tx) => revoke(tx, TENANT, { target: 'session', name, by: 'test' }));

  it('revokes the live sessions of the same instance or evidence too, and tells of each', async () => {
    const told: string[] = [];
    const stop = await store.listen(CHANNELS.revocation, (payload) => told.push(payload));
    const named = await added(sessionOf('instance-a', 'hash-1'));
    const renewal = await added(sessionOf('instance-a', 'hash-2'));
    const sameEvidence = await added(sessionOf('instance-b', 'hash-1'));
    const expired = await added(sessionOf('instance-a', 'hash-3', Date.now() - 1_000));
    const other = await added(sessionOf('instance-c', 'hash-4'));
    await revokeSession(named);
    await revokeSession(named);
    const revoked = (await store.transaction(TENANT, (tx) => loadRevocations(tx, TENANT))).map(({ name }) => name);
    expect(revoked.sort()).toEqual([named, renewal, sameEvidence].sort());
    expect(revoked).not.toContain(expired);
    expect(revoked).not.toContain(other);
    await expect.poll(() => new Set(told).size).toBe(3);
    expect(await records.add(sessionOf('instance-d', 'hash-2'))).toBe('evidence-revoked');
    await stop();
  });

  it('keeps evidence burned for as long as its session is revoked', async () => {
    const longAgo = Date.now() - 3 * DAY_MS;
    const revoked = await added(sessionOf('instance-e', 'hash-5', longAgo));
    await added(sessionOf('instance-f', 'hash-6', longAgo));
    await revokeSession(revoked);
    const kept = (): Promise<unknown[]> =>
      store.transaction(TENANT, (tx) =>
        tx.query("select id from sessions where instance_id in ('instance-e', 'instance-f')"),
      );
    await records.prune(Date.now());
    expect(await kept()).toEqual([{ id: revoked }]);
    expect(await records.add(sessionOf('instance-g', 'hash-5'))).toBe('evidence-revoked');
    await store.transaction(TENANT, (tx) => liftRevocation(tx, TENANT, 'session', revoked, 'test'));
    await records.prune(Date.now());
    expect(await kept()).toEqual([]);
  });
});
