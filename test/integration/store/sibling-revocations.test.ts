import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RevocationStore } from '../../../control-plane/policy/revocation-store.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';

const SESSIONS = 4;
const ROUNDS = 10;

describe.skipIf(!hasPostgres)('sessions of one proxy', () => {
  let server: TestPostgres;
  let store: SqlStore;
  beforeAll(async () => {
    server = await startPostgres();
    store = await openStore({ url: await server.createDatabase() });
  }, 60_000);
  afterAll(async () => {
    await store.close();
    await server.stop();
  });

  const makeSessions = (instanceId: string): Promise<string[]> =>
    store.transaction('default', async (tx) => {
      const ids = Array.from({ length: SESSIONS }, () => randomUUID());
      await tx.query(
        `insert into sessions (tenant, id, instance_id, key_thumbprint, workloads, claims, not_after)
         select 'default', id, $2, 'k', '{}', '{}', now() + interval '1 hour' from unnest($1::text[]) as ids (id)`,
        [ids, instanceId],
      );
      return ids;
    });

  it('can be revoked, and that lifted, all at once', { timeout: 60_000 }, async () => {
    const revocations = new RevocationStore(store);
    for (let round = 0; round < ROUNDS; round += 1) {
      const names = await makeSessions(`proxy-${round}`);
      const asked = { target: 'session', by: 'test', atMs: Date.now() } as const;
      await Promise.all(names.map((name) => revocations.revoke('default', { ...asked, name })));
      const inForce = (await revocations.list('default')).map(({ name }) => name);
      expect(inForce).toEqual(expect.arrayContaining(names));
      await Promise.all(names.map((name) => revocations.lift('default', { target: 'session', name }, 'test')));
      expect(await revocations.list('default')).toEqual([]);
    }
  });
});
