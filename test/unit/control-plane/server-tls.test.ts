import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../../common/errors.ts';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { parseControlPlaneConfig } from '../../../control-plane/config.ts';
import { loadServerTls, renewServerTls } from '../../../control-plane/server-tls.ts';
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

  it('has its certificate made anew by the time that half of it is over, and not before', () =>
    withFolder(async (dataDir) => {
      const config = parseControlPlaneConfig({ dataDir }, {});
      const now = Date.now();
      const held = await loadServerTls(config, now);
      const half = now + (held.notAfter - now) / 2;
      expect(await renewServerTls(config, held, half - 1)).toBe(held);
      const renewed = await renewServerTls(config, held, half);
      expect(renewed.caPem).toBe(held.caPem);
      expect(new X509Certificate(renewed.chainPem).verify(new X509Certificate(held.caPem).publicKey)).toBe(true);
      expect(Date.parse(new X509Certificate(renewed.chainPem).validTo)).toBeGreaterThan(held.notAfter);
      expect(renewed.notAfter - half).toBe(held.notAfter - now);
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

describe('certificates of an authority of others', () => {
  const DAY_MS = 86_400_000;
  const now = Date.now();
  const root = createRootAuthority('theirs');
  const key = createSigningKey();
  const keyPem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const leaf = (notAfter: number): string => {
    const whom = { publicKeySpki: publicKeySpki(key), hosts: ['cp.example'], name: 'cp' };
    return toPem(issueLeaf(root, { ...whom, now: now - 2 * DAY_MS, notAfter }));
  };
  const sound = { cert: leaf(now + DAY_MS), key: keyPem, ca: toPem(root.certificateDer) };
  /** The chain, or why it is refused. */
  const load = async (files: Partial<typeof sound>): Promise<unknown> => {
    let outcome: unknown;
    await withFolder(async (folder) => {
      for (const [name, pem] of Object.entries({ ...sound, ...files })) writeFileSync(join(folder, name), pem);
      const [tlsCertFile, tlsKeyFile, tlsCaFile] = ['cert', 'key', 'ca'].map((name) => join(folder, name));
      const config = parseControlPlaneConfig({ dataDir: folder, tlsCertFile, tlsKeyFile, tlsCaFile }, {});
      outcome = await loadServerTls(config, now).then(
        ({ chainPem }) => chainPem,
        (error: unknown) => error,
      );
    });
    return outcome;
  };
  const otherKey = createSigningKey().export({ format: 'pem', type: 'pkcs8' }).toString();

  it('are taken as they are', async () => {
    expect(await load({})).toBe(sound.cert);
  });

  it.each([
    ['a key of another certificate', { key: otherKey }, /cannot serve TLS with .*cert and .*key: .*mismatch/],
    ['half a key', { key: keyPem.slice(0, 100) }, /cannot serve TLS with .*cert and .*key/],
    ['half a certificate', { cert: sound.cert.slice(0, 300) }, /there is no certificate in .*cert/],
    ['no certificate', { cert: '' }, /there is no certificate in .*cert/],
    ['a certificate that has ended', { cert: leaf(now - DAY_MS) }, /the certificate in .*cert ended on /],
    ['half an authority', { ca: sound.ca.slice(0, 300) }, /there is no certificate in .*ca/],
    ['no authority', { ca: '' }, /there is no certificate in .*ca/],
  ])('are refused with the file that is wrong: %s', async (_what, files, message) => {
    const refusal = await load(files);
    expect(refusal).toMatchObject({ code: 'bad-tls' });
    expect(describeError(refusal)).toMatch(message);
  });
});
