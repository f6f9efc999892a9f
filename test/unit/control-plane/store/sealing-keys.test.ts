import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  loadSealingKeys,
  parseSealingKeys,
  rotateSealingKeyFile,
} from '../../../../control-plane/store/sealing-keys.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidekey-keys-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('reads base64 and hexadecimal, the current key first', () => {
  const [a, b] = [randomBytes(32), randomBytes(32)];
  const keys = parseSealingKeys(`# now\n${a.toString('base64')}\n\n${b.toString('hex')} # before\n`, 'env');
  expect(keys.current.key.revealBytes().equals(a)).toBe(true);
  expect(keys.older.map((key) => key.key.revealBytes().equals(b))).toEqual([true]);
});

it('says where a key is wrong, without repeating it', () => {
  const wrong = 'hunter2hunter2';
  expect(() => parseSealingKeys(`# x\n${wrong}`, 'keys.txt')).toThrow(
    'keys.txt, line 2: not 32 bytes in base64 or hexadecimal',
  );
  expect(() => parseSealingKeys(randomBytes(33).toString('base64'), 'f')).toThrow(/line 1/);
  expect(() => parseSealingKeys(randomBytes(16).toString('base64'), 'f')).toThrow(/line 1/);
  expect(() => parseSealingKeys(' \n# none\n', 'f')).toThrow(/holds no sealing key/);
});

it('makes a file that its owner alone reads, and only when asked', async () => {
  const path = join(folder, 'sealing.key');
  await expect(loadSealingKeys(path)).rejects.toMatchObject({ code: 'unreadable-file' });
  const made = await loadSealingKeys(path, { create: true });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await loadSealingKeys(path, { create: true })).current.id).toBe(made.current.id);
});

it('rotates by putting a new key in front', async () => {
  const path = join(folder, 'rotate.key');
  const before = await loadSealingKeys(path, { create: true });
  const after = await rotateSealingKeyFile(path);
  expect(after.current.id).not.toBe(before.current.id);
  expect(after.older.map((key) => key.id)).toEqual([before.current.id]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(2);
});

it('leaves a broken file as it is', async () => {
  const path = join(folder, 'broken.key');
  await writeFile(path, 'nonsense');
  await expect(rotateSealingKeyFile(path)).rejects.toThrow(/line 1/);
  await expect(loadSealingKeys(path, { create: true })).rejects.toThrow(/line 1/);
  expect(await readFile(path, 'utf8')).toBe('nonsense');
});

it('makes none where there is something that cannot be read', async () => {
  await expect(loadSealingKeys(folder, { create: true })).rejects.toMatchObject({ code: 'unreadable-file' });
});
