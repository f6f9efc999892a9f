import { createPrivateKey } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { UsageError } from '../common/errors.ts';
import {
  createRootAuthority,
  createSigningKey,
  issueLeaf,
  publicKeySpki,
  type SigningAuthority,
} from '../common/x509/authority.ts';
import { toPem } from '../common/x509/certificate.ts';
import type { ControlPlaneConfig } from './config.ts';
import { createFile } from './new-file.ts';

/** What the control plane's listeners present, and what clients must trust to reach them. */
export interface ServerTls {
  /** Certificate and its intermediates, PEM. */
  readonly chainPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

const LEAF_LIFETIME_MS = 398 * 86_400_000;
const EVERYWHERE = new Set(['0.0.0.0', '::']);

/** Reads the configured files, or issues a fresh certificate under the authority in the data folder. TLS is never off. */
export async function loadServerTls(config: ControlPlaneConfig, now: number): Promise<ServerTls> {
  const { tls } = config;
  if (tls) {
    const chainPem = await readPem(tls.certFile);
    const caPem = tls.caFile === undefined ? chainPem : await readPem(tls.caFile);
    return { chainPem, keyPem: await readPem(tls.keyFile), caPem };
  }
  const root = await openEmbeddedAuthority(config.dataDir, now);
  const key = createSigningKey();
  const listening = [config.grpcListen.host, config.restListen.host].filter((host) => !EVERYWHERE.has(host));
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...listening, ...(config.serverNames ?? [])])];
  const leaf = issueLeaf(root, {
    publicKeySpki: publicKeySpki(key),
    hosts,
    now,
    notAfter: now + LEAF_LIFETIME_MS,
    name: 'Sidekey control plane',
  });
  return {
    chainPem: toPem(leaf),
    keyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    caPem: toPem(root.certificateDer),
  };
}

async function openEmbeddedAuthority(dataDir: string, now: number): Promise<SigningAuthority> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const certificateFile = join(dataDir, 'ca.pem');
  const keyFile = join(dataDir, 'ca-key.pem');
  const keyPem = await readOptional(keyFile);
  const certificatePem = await readOptional(certificateFile);
  if (keyPem !== undefined && certificatePem !== undefined) {
    return { certificateDer: new X509Certificate(certificatePem).raw, key: createPrivateKey(keyPem) };
  }
  const root = createRootAuthority('Sidekey control plane authority', { now });
  // The key last: without it both are made anew.
  await rm(keyFile, { force: true });
  await writeFile(certificateFile, toPem(root.certificateDer), { mode: 0o644 });
  await createFile(keyFile, root.key.export({ format: 'pem', type: 'pkcs8' }).toString());
  return root;
}

/** Throws UsageError. */
export async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('unreadable-file', `cannot read ${file}`, { cause });
  }
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
