import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBootstrapToken } from '../../../control-plane/bootstrap-token.ts';

it('is made once, for its owner alone, and never short', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-bootstrap-'));
  try {
    const { file, token } = await openBootstrapToken(folder);
    expect(token.length).toBe(43);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await openBootstrapToken(folder)).token.equals(token.reveal())).toBe(true);
    await writeFile(file, `${'x'.repeat(31)}\n`);
    await expect(openBootstrapToken(folder)).rejects.toMatchObject({ code: 'bootstrap-token-short' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
