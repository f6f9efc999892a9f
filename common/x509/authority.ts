import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIpAddress } from '../net/host.ts';
import { createSigningKey } from '../signing-key.ts';
import { buildCertificate, keyIdentifier, readCertificate, type CertificateFields } from './certificate.ts';
import type { NameConstraints } from './extensions.ts';

/** A certificate that may sign others, and its private key. */
export interface SigningAuthority {
  readonly certificateDer: Buffer;
  readonly key: KeyObject;
}

export interface RootOptions {
  /** Milliseconds since the epoch; default now. */
  readonly now?: number;
  readonly lifetimeMs?: number;
  /** P-256; a fresh one if left out. */
  readonly key?: KeyObject;
}

export interface IntermediateRequest {
  /** The public (or private) key that the intermediate is for, or its SubjectPublicKeyInfo in DER. */
  readonly publicKey: KeyObject | Uint8Array;
  /** Canonical host patterns; the intermediate can sign for nothing else. */
  readonly permittedHosts: readonly string[];
  readonly now: number;
  readonly notAfter: number;
  /** Common name. */
  readonly name?: string;
}

export interface LeafRequest {
  readonly publicKeySpki: Uint8Array;
  /** Canonical hosts, names or addresses. */
  readonly hosts: readonly string[];
  readonly now: number;
  readonly notAfter: number;
  /** Common name. */
  readonly name?: string;
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
}

const DAY_MS = 86_400_000;
const ROOT_LIFETIME_MS = 3650 * DAY_MS;
/** Clocks of agents may be behind ours. */
const BACKDATE_MS = 5 * 60_000;

/** SubjectPublicKeyInfo, DER, of a public or private key. */
export function publicKeySpki(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** A self-signed root, such as one tenant's. */
export function createRootAuthority(name: string, options: RootOptions = {}): SigningAuthority {
  const key = options.key ?? createSigningKey();
  const now = options.now ?? Date.now();
  const certificateDer = buildCertificate({
    subject: name,
    issuer: name,
    subjectPublicKeySpki: publicKeySpki(key),
    signerKey: key,
    notBefore: now - BACKDATE_MS,
    notAfter: now + (options.lifetimeMs ?? ROOT_LIFETIME_MS),
    isCa: true,
  });
  return { certificateDer, key };
}

/** An intermediate that is name-constrained to the hosts and can sign leaves only (attack A-33); answers DER. */
export function issueIntermediate(root: SigningAuthority, request: IntermediateRequest): Buffer {
  const issuer = readCertificate(root.certificateDer);
  const { publicKey } = request;
  return buildCertificate({
    subject: request.name ?? 'Sidekey proxy',
    issuer: issuer.subject,
    subjectPublicKeySpki: publicKey instanceof Uint8Array ? publicKey : publicKeySpki(publicKey),
    signerKey: root.key,
    notBefore: request.now - BACKDATE_MS,
    notAfter: Math.min(request.notAfter, issuer.notAfter),
    isCa: true,
    pathLength: 0,
    permitted: permittedNames(request.permittedHosts),
    authorityKeyId: keyIdOf(issuer),
  });
}

/** A leaf for TLS; answers DER. */
export function issueLeaf(issuer: SigningAuthority, request: LeafRequest): Buffer {
  const issuerFields = readCertificate(issuer.certificateDer);
  return buildCertificate({
    subject: request.name ?? 'Sidekey interception',
    issuer: issuerFields.subject,
    subjectPublicKeySpki: request.publicKeySpki,
    signerKey: issuer.key,
    notBefore: request.now - BACKDATE_MS,
    notAfter: Math.min(request.notAfter, issuerFields.notAfter),
    dnsNames: request.hosts.filter((host) => !isIpAddress(host)),
    ipAddresses: request.hosts.filter(isIpAddress),
    usages: request.usages ?? ['serverAuth'],
    authorityKeyId: keyIdOf(issuerFields),
  });
}

/**
 * Name constraints for host patterns. X.509 cannot say "below but not itself", so `*.example.com` permits `example.com`
 * too; `CertificateAuthority.permits` is the exact test.
 */
function permittedNames(hosts: readonly string[]): NameConstraints {
  const names = hosts.filter((host) => !isIpAddress(host)).map((host) => host.replace(/^\*\./, ''));
  return { dns: [...new Set(names)], ips: [...new Set(hosts.filter(isIpAddress))] };
}

function keyIdOf({ subjectKeyId, publicKeySpki: spki }: CertificateFields): Uint8Array {
  return subjectKeyId ?? keyIdentifier(spki);
}
