import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revoke, RevocationStore } from '../../../control-plane/policy/revocation-store.ts';
import { createDatabaseCheck } from '../../../control-plane/store/database-fault.ts';
import { migrate } from '../../../control-plane/store/migrate.ts';
import { openPglite } from '../../../control-plane/store/pglite-store.ts';
import type { RawStore } from '../../../control-plane/store/raw-store.ts';

const PLENTY = 1_000_000_000;

// On a disk that is really full, the engine would spin for ever once its log needs another file.
describe('an embedded database whose disk is nearly full', () => {
  let folder: string;
  let raw: RawStore;
  let freeBytes = PLENTY;
  const revokeUser = (name: string): Promise<unknown> => {
    const request = { target: 'user', name, by: 'test', atMs: Date.now() } as const;
    return raw.store.transaction('default', (tx) => revoke(tx, 'default', request));
  };
  const revoked = async (): Promise<string[]> =>
    (await new RevocationStore(raw.store).list('default')).map(({ name }) => name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-nearly-full-'));
    raw = await openPglite(folder, () => freeBytes);
    await migrate(raw);
  }, 180_000);
  afterAll(async () => {
    await raw.store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is read, takes no change and says why, and goes on once there is room', async () => {
    await revokeUser('alice');
    freeBytes = 1_000_000;
    await expect(revokeUser('bob')).rejects.toMatchObject({
      code: 'store-unavailable',
      message: 'the database is out of disk space, memory or connections',
      cause: { message: `too little is free on the disk of ${folder}` },
    });
    expect(await revoked()).toEqual(['alice']);
    const faultOf = createDatabaseCheck(raw.store);
    expect(await faultOf()).toBe('too little is free on the disk of the database');
    await expect(migrate(raw)).rejects.toMatchObject({ code: 'store-unavailable' });
    freeBytes = PLENTY;
    expect(await faultOf()).toBeUndefined();
    await revokeUser('carol');
    expect(await revoked()).toEqual(['alice', 'carol']);
  });
});
