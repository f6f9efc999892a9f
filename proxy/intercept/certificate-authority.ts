import { createHash, createPublicKey, randomBytes, type KeyObject } from 'node:crypto';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { systemClock, type Clock } from '../../common/clock.ts';
import { SidekeyError } from '../../common/errors.ts';
import { matchHost } from '../../common/match/host-pattern.ts';
import { createRootAuthority, issueLeaf, publicKeySpki, type SigningAuthority } from '../../common/x509/authority.ts';
import { createSigningKey } from '../../common/signing-key.ts';
import { readCertificate, toPem } from '../../common/x509/certificate.ts';

/** The authority cannot be used, or may not speak for a host. */
export class CertificateAuthorityError extends SidekeyError {}

/** Speaks TLS to agents in the name of the hosts that it is permitted (design section 4). */
export interface CertificateAuthority {
  /** What agents trust: one root, or two while one follows the other. */
  readonly rootPem: string;
  /** Milliseconds since the epoch at which the signing certificate ends. */
  readonly notAfter: number;
  /** Whether the authority may speak for this canonical host. */
  permits(host: string): boolean;
  /** A server context for this canonical host, cached. Throws CertificateAuthorityError if it is not permitted or over. */
  secureContextFor(host: string): SecureContext;
}

interface CachedContext {
  readonly context: SecureContext;
  readonly renewAt: number;
}

interface Issuer {
  readonly signing: SigningAuthority;
  /** Certificates sent after each leaf, the leaf's issuer first, the root not among them. */
  readonly chainPem: readonly string[];
  readonly rootPem: string;
  /** undefined permits every host. */
  readonly permittedHosts: readonly string[] | undefined;
}

const HOUR_MS = 3_600_000;
const LEAF_LIFETIME_MS = 12 * HOUR_MS;
const LOCAL_LIFETIME_MS = 7 * 24 * HOUR_MS;
const MAX_CONTEXTS = 1024;
/**
 * Agents offer AES-256 first, whose suite hashes with SHA-384. A handshake is mostly hashing and multiplying, and processors have
 * instructions for SHA-256 alone: a new connection costs 3 to 4 % less.
 */
const CHEAPEST = 'TLS_AES_128_GCM_SHA256';
const CIPHERS = DEFAULT_CIPHERS.split(':')
  .toSorted((one, other) => Number(other === CHEAPEST) - Number(one === CHEAPEST))
  .join(':');
const TICKET_LIFETIME_S = 3600;

/** An authority that lives and dies in this process's memory, for one agent that trusts it alone: it speaks for any host. */
export function createLocalAuthority(clock: Clock = systemClock): CertificateAuthority {
  const now = clock.now();
  const signing = createRootAuthority('Sidekey local authority', { now, lifetimeMs: LOCAL_LIFETIME_MS });
  const rootPem = toPem(signing.certificateDer);
  return createAuthority({ signing, chainPem: [], rootPem, permittedHosts: undefined }, clock);
}

/**
 * The authority that the control plane issued for the proxy's key: `chainDer` is the intermediate first and the root
 * last. `permittedHosts` are the canonical host patterns that it was issued for.
 */
export function createIssuedAuthority(
  key: KeyObject,
  chainDer: readonly Uint8Array[],
  permittedHosts: readonly string[],
): CertificateAuthority {
  const [first, ...rest] = chainDer;
  const root = rest.at(-1);
  if (first === undefined || root === undefined) {
    throw new CertificateAuthorityError('authority-invalid', 'the issued chain has no intermediate or no root');
  }
  const certificateDer = Buffer.from(first);
  if (!readCertificate(certificateDer).publicKeySpki.equals(publicKeySpki(createPublicKey(key)))) {
    throw new CertificateAuthorityError('authority-invalid', 'the issued certificate is for another key');
  }
  const chainPem = chainDer.slice(0, -1).map((der) => toPem(der));
  return createAuthority(
    { signing: { certificateDer, key }, chainPem, rootPem: toPem(root), permittedHosts },
    systemClock,
  );
}

function createAuthority(issuer: Issuer, clock: Clock): CertificateAuthority {
  const { signing, chainPem, rootPem, permittedHosts } = issuer;
  const { notAfter } = readCertificate(signing.certificateDer);
  // One key for all leaves: making a key costs more than all else, and all of them stand in this process anyway.
  const leafKey = createSigningKey();
  const leafSpki = publicKeySpki(leafKey);
  const leafKeyPem = leafKey.export({ type: 'pkcs8', format: 'pem' });
  const ticketKeys = randomBytes(48);
  const contexts = new BoundedCache<string, CachedContext>(MAX_CONTEXTS);
  const permits = (host: string): boolean => permittedHosts?.some((pattern) => matchHost(pattern, host)) ?? true;

  function issue(host: string, now: number): CachedContext {
    const leafNotAfter = Math.min(now + LEAF_LIFETIME_MS, notAfter);
    const leaf = issueLeaf(signing, { publicKeySpki: leafSpki, hosts: [host], now, notAfter: leafNotAfter });
    const context = createSecureContext({
      key: leafKeyPem,
      cert: [toPem(leaf), ...chainPem].join(''),
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      ticketKeys,
      sessionTimeout: TICKET_LIFETIME_S,
      // A ticket of one host must not resume another host's session (attack A-08).
      sessionIdContext: createHash('sha256').update(host).digest('hex').slice(0, 32),
    });
    return { context, renewAt: now + (leafNotAfter - now) * 0.75 };
  }

  return {
    rootPem,
    notAfter,
    permits,
    secureContextFor(host) {
      const now = clock.now();
      const cached = contexts.get(host);
      if (cached !== undefined && now < cached.renewAt) return cached.context;
      if (!permits(host))
        throw new CertificateAuthorityError(
          'authority-not-permitted',
          `the certificate authority may not speak for ${host}`,
        );
      if (now >= notAfter)
        throw new CertificateAuthorityError('authority-expired', 'the certificate authority has expired');
      const made = issue(host, now);
      contexts.set(host, made);
      return made.context;
    },
  };
}
