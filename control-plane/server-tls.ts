import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { UsageError } from '../common/errors.ts';
import { makeFolder } from '../common/folder.ts';
import { replaceFile } from '../common/replace-file.ts';
import { createRootAuthority, issueLeaf, publicKeySpki, type SigningAuthority } from '../common/x509/authority.ts';
import { createSigningKey } from '../common/signing-key.ts';
import { toPem } from '../common/x509/certificate.ts';
import type { ControlPlaneConfig } from './config.ts';
import { createFile } from './new-file.ts';

/** What the control plane's listeners present, and what clients must trust to reach them. */
export interface ServerTls {
  /** Certificate and its intermediates, PEM. */
  readonly chainPem: string;
  readonly keyPem: string;
  readonly caPem: string;
  /** When the certificate ends, in milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

const LEAF_LIFETIME_MS = 398 * 86_400_000;
/** How long another process that makes the key may take to write it. */
const WRITING_TURN_MS = 50;
const WRITING_TURNS = 40;
const EVERYWHERE = new Set(['0.0.0.0', '::']);

/** Reads the configured files, or issues a fresh certificate under the authority in the data folder. TLS is never off. */
export async function loadServerTls(config: ControlPlaneConfig, now: number): Promise<ServerTls> {
  const { tls } = config;
  if (tls) return readTls(tls, now);
  const root = await openEmbeddedAuthority(config.dataDir, now);
  const key = createSigningKey();
  const listening = [config.grpcListen.host, config.restListen.host].filter((host) => !EVERYWHERE.has(host));
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...listening, ...(config.serverNames ?? [])])];
  const notAfter = now + LEAF_LIFETIME_MS;
  const subject = { publicKeySpki: publicKeySpki(key), name: 'Sidekey control plane' };
  const leaf = issueLeaf(root, { ...subject, hosts, now, notAfter });
  return {
    chainPem: toPem(leaf),
    keyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    caPem: toPem(root.certificateDer),
    notAfter,
  };
}

/** What it is by now: files are read again, and a certificate of ours is made anew once half of its time is over. */
export async function renewServerTls(config: ControlPlaneConfig, held: ServerTls, now: number): Promise<ServerTls> {
  if (config.tls === undefined && held.notAfter - now > LEAF_LIFETIME_MS / 2) return held;
  return loadServerTls(config, now);
}

async function readTls(
  { certFile, keyFile, caFile = certFile }: NonNullable<ControlPlaneConfig['tls']>,
  now: number,
): Promise<ServerTls> {
  const [chainPem, keyPem, caPem] = await Promise.all([readPem(certFile), readPem(keyFile), readPem(caFile)]);
  const { validTo } = readCertificate(certFile, chainPem);
  readCertificate(caFile, caPem);
  try {
    createSecureContext({ cert: chainPem, key: keyPem });
  } catch (cause) {
    throw new UsageError('bad-tls', `cannot serve TLS with ${certFile} and ${keyFile}`, { cause });
  }
  const notAfter = Date.parse(validTo);
  if (notAfter <= now) {
    throw new UsageError('bad-tls', `the certificate in ${certFile} ended on ${validTo}: no proxy would connect`);
  }
  return { chainPem, keyPem, caPem, notAfter };
}

function readCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new UsageError('bad-tls', `there is no certificate in ${file}`, { cause });
  }
}

async function openEmbeddedAuthority(dataDir: string, now: number): Promise<SigningAuthority> {
  makeFolder(dataDir, 0o700);
  const certificateFile = join(dataDir, 'ca.pem');
  const keyFile = join(dataDir, 'ca-key.pem');
  // The key first, by whichever process is the first to make it: certificates of one key are as good as each other.
  const key = createPrivateKey(await openKey(keyFile));
  const found = await readOptional(certificateFile);
  const certificate = found === undefined ? undefined : new X509Certificate(found);
  if (certificate?.checkPrivateKey(key) === true) return { certificateDer: certificate.raw, key };
  const root = createRootAuthority('Sidekey control plane authority', { now, key });
  replaceFile(certificateFile, toPem(root.certificateDer), 0o644);
  return root;
}

async function openKey(file: string): Promise<string> {
  const found = await readOptional(file);
  if (found?.endsWith('\n') === true) return found;
  const made = createSigningKey().export({ format: 'pem', type: 'pkcs8' }).toString();
  if (found === undefined && (await createFile(file, made))) return made;
  for (let turn = 0; turn < WRITING_TURNS; turn += 1) {
    const text = await readPem(file);
    if (text.endsWith('\n')) return text;
    await setTimeout(WRITING_TURN_MS);
  }
  throw new UsageError('half-a-key', `${file} is not whole: remove it, and ca.pem beside it, to have both made anew`);
}

/** Throws UsageError. */
async function readPem(file: string): Promise<string> {
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
