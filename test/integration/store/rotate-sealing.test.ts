import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { problemOf } from '../../../control-plane/api/rest/problem.ts';
import { createSealingRotation } from '../../../control-plane/store/rotate-sealing.ts';
import { openSecret, putSecret } from '../../../control-plane/store/sealed-secrets.ts';
import { Sealer } from '../../../control-plane/store/sealing.ts';
import { loadSealingKeys } from '../../../control-plane/store/sealing-keys.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidekey-rotate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeStores('rotation of the sealing key', (fixture) => {
  it('leaves every secret readable, by this process and by the next', async () => {
    const { store } = fixture();
    const path = join(folder, store.engine);
    const sealer = new Sealer(await loadSealingKeys(path, { create: true }));
    const before = sealer.keyId;
    await store.transaction('default', (tx) =>
      putSecret(tx, sealer, 'default', 'a', { value: new Secret('hunter2'), boundTo: 'x' }),
    );
    const resealed = await createSealingRotation(store, sealer, path)();
    // Replicas share their key file: putting a new key in it is the operator's step.
    expect(resealed).toBe(store.engine === 'pglite' ? 1 : 0);
    expect(sealer.keyId === before).toBe(store.engine === 'postgres');
    const next = new Sealer(await loadSealingKeys(path));
    for (const reader of [sealer, next]) {
      const opened = await store.transaction('default', (tx) => openSecret(tx, reader, 'default', 'a'));
      expect(opened?.value.reveal()).toBe('hunter2');
    }
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(store.engine === 'pglite' ? 2 : 1);
  });

  it('leaves every secret readable when several rotations overlap', async () => {
    const { store } = fixture();
    const path = join(folder, store.engine);
    const sealer = new Sealer(await loadSealingKeys(path, { create: true }));
    await store.transaction('default', (tx) =>
      putSecret(tx, sealer, 'default', 'b', { value: new Secret('hunter2'), boundTo: 'x' }),
    );
    const rotate = createSealingRotation(store, sealer, path);
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([rotate(), rotate(), rotate()]);
      const next = new Sealer(await loadSealingKeys(path));
      expect(next.keyId).toBe(sealer.keyId);
      const opened = await store.transaction('default', (tx) => openSecret(tx, next, 'default', 'b'));
      expect(opened?.value.reveal()).toBe('hunter2');
    }
    expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('goes by the fresh key that somebody has put into a file for reading only (root)', async ({ skip }) => {
    const { store } = fixture();
    if (store.engine !== 'pglite') return;
    const mounted = await mkdtemp(join(folder, 'mounted-'));
    const path = join(mounted, 'sealing-key');
    const mount = (...args: string[]): void => expect(spawnSync('mount', [...args, mounted]).status).toBe(0);
    skip(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', mounted]).status !== 0, 'nothing can be mounted here');
    try {
      // What the other tests sealed is sealed again here too.
      const kept = join(folder, store.engine);
      await loadSealingKeys(kept, { create: true });
      const old = await readFile(kept, 'utf8');
      await writeFile(path, old);
      const sealer = new Sealer(await loadSealingKeys(path));
      const before = sealer.keyId;
      await store.transaction('default', (tx) =>
        putSecret(tx, sealer, 'default', 'd', { value: new Secret('hunter2'), boundTo: 'x' }),
      );
      const rotate = createSealingRotation(store, sealer, path);
      mount('-o', 'remount,ro');
      const error: unknown = await rotate().catch((thrown: unknown) => thrown);
      expect(problemOf(error)).toMatchObject({ status: 503, code: 'key-file-unusable' });
      expect(problemOf(error).detail).toContain('(EROFS); nothing was rotated; put a fresh key in front');
      mount('-o', 'remount,rw');
      const fresh = `${randomBytes(32).toString('base64')}\n`;
      // Without the present key, what is stored could not be opened.
      await writeFile(path, fresh);
      mount('-o', 'remount,ro');
      await expect(rotate()).rejects.toThrow('nothing was rotated');
      expect(sealer.keyId).toBe(before);
      mount('-o', 'remount,rw');
      await writeFile(path, fresh + old);
      mount('-o', 'remount,ro');
      expect(await rotate()).toBeGreaterThan(0);
      expect(sealer.keyId).not.toBe(before);
      const next = new Sealer(await loadSealingKeys(path));
      expect(next.keyId).toBe(sealer.keyId);
      const opened = await store.transaction('default', (tx) => openSecret(tx, next, 'default', 'd'));
      expect(opened?.value.reveal()).toBe('hunter2');
      await expect(rotate()).rejects.toThrow('nothing was rotated');
    } finally {
      spawnSync('umount', [mounted]);
    }
  });

  // Last: what it seals opens under a key that is gone.
  it('changes nothing when the key file cannot be replaced, and says so', async () => {
    const { store } = fixture();
    if (store.engine !== 'pglite') return;
    const path = join(folder, 'unusable');
    const sealer = new Sealer(await loadSealingKeys(path, { create: true }));
    const before = sealer.keyId;
    await store.transaction('default', (tx) =>
      putSecret(tx, sealer, 'default', 'c', { value: new Secret('hunter2'), boundTo: 'x' }),
    );
    await rm(path);
    await mkdir(path);
    const error: unknown = await createSealingRotation(store, sealer, path)().catch((thrown: unknown) => thrown);
    expect(problemOf(error)).toMatchObject({ status: 503, code: 'key-file-unusable' });
    expect(problemOf(error).detail).toContain('(EISDIR); nothing was rotated');
    expect(sealer.keyId).toBe(before);
    const opened = await store.transaction('default', (tx) => openSecret(tx, sealer, 'default', 'c'));
    expect(opened?.value.reveal()).toBe('hunter2');
  });
});
