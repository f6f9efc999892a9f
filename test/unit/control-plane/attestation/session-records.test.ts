import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SessionRecord, SessionRecords } from '../../../../control-plane/attestation/session-records.ts';
import { liftRevocation, loadRevocations, revoke } from '../../../../control-plane/policy/revocation-store.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import { CHANNELS, type SqlStore } from '../../../../control-plane/store/sql-store.ts';

const TENANT = 'default';
const DAY_MS = 86_400_000;

describe('SessionRecords and revoked sessions', () => {
  let store: SqlStore;
  let records: SessionRecords;
  beforeAll(async () => {
    store = await openStore();
    records = new SessionRecords(store);
  }, 180_000);
  afterAll(() => store.close());

  const sessionOf = (
    instanceId: string,
    hash: string,
    notAfter = Date.now() + 60_000,
    evidenceNotAfter?: number,
  ): SessionRecord => ({
    ticket: { id: randomUUID(), tenant: TENANT, instanceId, proxyKeyThumbprint: `key of ${instanceId}`, notAfter },
    workloads: ['billing'],
    user: undefined,
    trust: [],
    trustDigests: {},
    claims: {},
    userClaims: {},
    evidenceHashes: [hash],
    evidenceNotAfter,
    authorityKey: undefined,
    eventKeyId: 'event-key',
    proxyVersion: '0.1.0',
  });
  const added = async (record: SessionRecord): Promise<string> => {
    expect(await records.add(record)).toBe('added');
    return record.ticket.id;
  };
  const revokeSession = (name: string, atMs = Date.now()): Promise<unknown> =>
    store.transaction(TENANT, (tx) => revoke(tx, TENANT, { target: 'session', name, by: 'test', atMs }));

  it("finds an instance's sessions without reading all of the tenant's", async () => {
    const plan = await store.transaction(TENANT, async (tx) => {
      await tx.query('set local enable_seqscan = off');
      return tx.query<Record<string, string>>('explain select 1 from sessions where tenant = $1 and instance_id = $2', [
        TENANT,
        'instance-a',
      ]);
    });
    expect(plan.flatMap((row) => Object.values(row)).join('\n')).toMatch(/Index Cond: .*instance_id/);
  });

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

  it.each([
    ["the database's", -DAY_MS, 's'],
    ['its own', DAY_MS, 'u'],
  ])('goes by the earlier clock, where %s is ahead by more than a session lives', async (_whose, offMs, one) => {
    const now = Date.now() + offMs;
    const endsAt = Math.min(Date.now(), now) + 60_000;
    const named = await added(sessionOf(`instance-${one}`, `hash-${one}`, endsAt));
    const renewal = await added(sessionOf(`instance-${one}`, `hash-${one}-renewed`, endsAt));
    await revokeSession(named, now);
    const revoked = (await store.transaction(TENANT, (tx) => loadRevocations(tx, TENANT))).map(({ name }) => name);
    expect(revoked).toEqual(expect.arrayContaining([named, renewal]));
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

  it('lets the revocation of a session lapse once nothing of it is good any more, and forgets it later', async () => {
    const now = Date.now();
    const gone = await added(sessionOf('instance-h', 'hash-7', now - 3 * DAY_MS, now - 2 * DAY_MS));
    const burned = await added(sessionOf('instance-i', 'hash-8', now - 3 * DAY_MS, now + DAY_MS));
    const unknown = await added(sessionOf('instance-s', 'hash-17', now - 3 * DAY_MS));
    const live = await added(sessionOf('instance-j', 'hash-9', now + DAY_MS, now - 2 * DAY_MS));
    for (const name of [gone, burned, unknown, live]) await revokeSession(name);
    await store.system((tx) =>
      tx.query("update revocations set created_at = $1 where target = 'session'", [new Date(now - 3 * DAY_MS)]),
    );
    await records.prune(now);
    const inForce = await store.transaction(TENANT, (tx) => loadRevocations(tx, TENANT));
    const names = inForce.map(({ name }) => name);
    expect(names).not.toContain(gone);
    expect(names).toEqual(expect.arrayContaining([burned, unknown, live]));
    const left = await store.system((tx) => tx.query('select id from sessions where id = any($1)', [[gone, burned]]));
    expect(left).toEqual([{ id: burned }]);
    const kept = (): Promise<unknown[]> =>
      store.system((tx) => tx.query('select lifted_by from revocations where name = $1', [gone]));
    expect(await kept()).toEqual([{ lifted_by: 'lapsed' }]);
    await store.system((tx) =>
      tx.query("update revocations set lifted_at = now() - interval '31 days' where name = $1", [gone]),
    );
    await records.prune(now);
    expect(await kept()).toEqual([]);
  });

  it('finds a session by its tenant, its id and its key together, in memory and in the store', async () => {
    const record = sessionOf('instance-k', 'hash-10');
    const id = await added(record);
    for (const each of [records, new SessionRecords(store)]) {
      expect(await each.find({ ...record.ticket, proxyKeyThumbprint: 'key of a thief' })).toBeUndefined();
      expect(await each.find({ ...record.ticket, tenant: 'another' })).toBeUndefined();
      expect(await each.find({ ...record.ticket, id: randomUUID() })).toBeUndefined();
      expect(await each.find(record.ticket)).toMatchObject({ ticket: { id }, workloads: ['billing'] });
    }
  });

  it('does not keep an ended session that was found for its records', async () => {
    const { ticket } = sessionOf('instance-l', 'hash-11');
    await revokeSession(await added({ ...sessionOf('instance-l', 'hash-11'), ticket }));
    const afresh = new SessionRecords(store);
    expect(await afresh.find(ticket, true)).toMatchObject({ ticket: { id: ticket.id } });
    expect(await afresh.find(ticket)).toBeUndefined();
  });

  it('takes evidence again once the revocation is lifted, and leaves who lifted it as it was', async () => {
    const revoked = await added(sessionOf('instance-m', 'hash-12'));
    await revokeSession(revoked);
    expect(await records.add(sessionOf('instance-n', 'hash-12'))).toBe('evidence-revoked');
    await store.transaction(TENANT, (tx) => liftRevocation(tx, TENANT, 'session', revoked, 'operator'));
    expect(await records.add(sessionOf('instance-n', 'hash-12'))).toBe('added');
    await store.system((tx) =>
      tx.query("update sessions set not_after = now() - interval '3 days' where id = $1", [revoked]),
    );
    await store.system((tx) =>
      tx.query("update revocations set created_at = now() - interval '3 days' where name = $1", [revoked]),
    );
    await records.prune(Date.now());
    const lifted = await store.system((tx) => tx.query('select lifted_by from revocations where name = $1', [revoked]));
    expect(lifted).toEqual([{ lifted_by: 'operator' }]);
  });

  it('drops nothing by the clock of one replica that the database says is ahead', async () => {
    const ended = sessionOf('instance-p', 'hash-15');
    const revoked = sessionOf('instance-q', 'hash-16', Date.now() + 60_000, Date.now() + 60_000);
    await added(ended);
    await revokeSession(await added(revoked));
    await records.prune(Date.now() + 365 * DAY_MS);
    const left = await store.system((tx) =>
      tx.query('select id from sessions where id = any($1)', [[ended.ticket.id, revoked.ticket.id]]),
    );
    expect(left).toHaveLength(2);
    expect(await records.add(sessionOf('instance-r', 'hash-16'))).toBe('evidence-revoked');
  });

  it('leaves what was revoked beside a session, and then by itself, revoked when the session is lifted', async () => {
    const named = await added(sessionOf('instance-o', 'hash-13'));
    const renewal = await added(sessionOf('instance-o', 'hash-14'));
    await revokeSession(named);
    await revokeSession(renewal);
    await store.transaction(TENANT, (tx) => liftRevocation(tx, TENANT, 'session', named, 'operator'));
    const inForce = await store.transaction(TENANT, (tx) => loadRevocations(tx, TENANT));
    expect(inForce.map(({ name }) => name)).toContain(renewal);
    expect(await records.add(sessionOf('instance-p', 'hash-13'))).toBe('added');
    expect(await records.add(sessionOf('instance-p', 'hash-14'))).toBe('evidence-revoked');
  });
});
