import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBootstrapToken } from '../../../control-plane/bootstrap-token.ts';

it('is made once, for its owner alone, and never short', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-bootstrap-'));
  try {
    const dataDir = join(folder, 'data');
    const { file, token } = await openBootstrapToken(dataDir);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect(token.length).toBe(43);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await openBootstrapToken(dataDir)).token.equals(token.reveal())).toBe(true);
    await writeFile(file, `${'x'.repeat(31)}\n`);
    await expect(openBootstrapToken(dataDir)).rejects.toMatchObject({ code: 'bootstrap-token-short' });
    await writeFile(file, `${'x'.repeat(32)}\n`);
    expect((await openBootstrapToken(dataDir)).token.reveal()).toBe('x'.repeat(32));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
