import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseControlPlaneConfig } from '../../../control-plane/config.ts';
import { loadServerTls } from '../../../control-plane/server-tls.ts';
import { withFolder } from '../../support/folder.ts';

describe('the embedded authority', () => {
  const load = (dataDir: string): ReturnType<typeof loadServerTls> =>
    loadServerTls(parseControlPlaneConfig({ dataDir }, {}), Date.now());
  const onDisk = (folder: string): { root: X509Certificate; fits: boolean } => {
    const root = new X509Certificate(readFileSync(join(folder, 'ca.pem')));
    return { root, fits: root.checkPrivateKey(createPrivateKey(readFileSync(join(folder, 'ca-key.pem')))) };
  };

  it('is one, however many processes start on a fresh folder at once', () =>
    withFolder(async (folder) => {
      const loaded = await Promise.all(Array.from({ length: 8 }, () => load(folder)));
      const { root, fits } = onDisk(folder);
      expect(fits).toBe(true);
      for (const { chainPem } of loaded) expect(new X509Certificate(chainPem).verify(root.publicKey)).toBe(true);
      expect((await load(folder)).caPem).toBe(readFileSync(join(folder, 'ca.pem'), 'utf8'));
    }));

  it('is made anew beside the key when the certificate is missing or of another key', () =>
    withFolder(async (folder) => {
      await withFolder(async (other) => {
        await load(folder);
        await load(other);
        writeFileSync(join(folder, 'ca.pem'), readFileSync(join(other, 'ca.pem')));
        await load(folder);
        expect(onDisk(folder).fits).toBe(true);
      });
    }));

  it('lies in a folder for its owner alone', () =>
    withFolder(async (folder) => {
      await load(join(folder, 'data'));
      expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
      expect(statSync(join(folder, 'data', 'ca-key.pem')).mode & 0o777).toBe(0o600);
    }));

  it('says what to do about half a key', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'ca-key.pem'), '-----BEGIN');
      await expect(load(folder)).rejects.toThrow('is not whole');
    }));
});
