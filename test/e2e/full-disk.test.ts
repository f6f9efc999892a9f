import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it.skipIf(!existsSync('dist/sidekey.js'))(
  'a first start on a full disk leaves no half of a key or token (needs dist/: npm run build)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sidekey-full-'));
    // No byte can be written to any file, as on a full disk.
    const command = `ulimit -f 0; exec "${process.execPath}" dist/sidekey.js control-plane --data-dir "${folder}" --grpc-listen 127.0.0.1:0 --rest-listen 127.0.0.1:0`;
    const failed = await new Promise<boolean>((resolve) => {
      execFile('bash', ['-c', command], { timeout: 60_000 }, (error) => resolve(error !== null));
    });
    expect(failed).toBe(true);
    for (const name of await readdir(folder)) {
      if (name === 'bootstrap-token' || name === 'sealing-key' || name.endsWith('-key.pem')) {
        expect(`${name}: ${(await stat(join(folder, name))).size} bytes`).toBe('not there');
      }
    }
    await rm(folder, { recursive: true, force: true });
  },
  90_000,
);
