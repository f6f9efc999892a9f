import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/clock.ts';
import { type KeyRings, openKeyRings } from '../../../control-plane/key-rings.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';

const newSealer = (): Sealer => new Sealer({ current: sealingKey(randomBytes(32)), older: [] });

describe.skipIf(!hasPostgres)('replicas that start at once, each with a sealing key of its own', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('leave a database that one of them can open, and the others are told why they cannot', async () => {
    for (let round = 0; round < 3; round += 1) {
      const url = await server.createDatabase();
      const replicas = await Promise.all(
        Array.from({ length: 3 }, async () => ({ store: await openStore({ url }), sealer: newSealer() })),
      );
      const outcomes = await Promise.allSettled(replicas.map(({ store, sealer }) => open(store, sealer)));
      const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(opened).toHaveLength(1);
      for (const reason of refused) {
        expect(reason).toMatchObject({
          code: 'sealing-key-unknown',
          message: expect.stringContaining('every replica'),
        });
      }
      const winner = replicas[outcomes.findIndex(({ status }) => status === 'fulfilled')];
      if (winner) await (await open(winner.store, winner.sealer)).close();
      for (const rings of opened) await rings.close();
      await Promise.all(replicas.map(({ store }) => store.close()));
    }
  });
});

function open(store: SqlStore, sealer: Sealer): Promise<KeyRings> {
  return openKeyRings(store, sealer, systemClock, (error) => {
    throw error;
  });
}
