import { isJsonObject } from '../../common/inspection/strict-json.ts';
import type { JWK } from 'jose';
import { BoundedCache } from '../../common/bounded-cache.ts';
import type { OutboundFetcher } from '../outbound/https-fetcher.ts';
import type { JwksSource } from '../resources/kinds.ts';
import { AttestationError } from './trust-provider.ts';

/** Where the keys of an issuer come from. */
export interface JwksConfiguration {
  readonly jwks?: JwksSource | undefined;
  /** PEM certificates to trust beside the system's roots when fetching. */
  readonly ca?: string | undefined;
  /** Address ranges (CIDR) that may be dialled although the address policy refuses them. */
  readonly allowedAddresses?: readonly string[] | undefined;
}

export interface JwksCacheOptions {
  readonly fetcher: OutboundFetcher;
  /** A clock that nobody sets; default `performance.now`. */
  readonly monotonicMs?: () => number;
  /** Told why an issuer's keys could not be fetched, once for each attempt; callers are not told. */
  readonly onError?: (error: unknown) => void;
  /** Keys are fetched anew after this long; default 600,000. */
  readonly freshMs?: number;
  /** An unknown key id, or a failure, causes at most one fetch in this time; default 30,000. */
  readonly cooldownMs?: number;
  /** Issuers held for one tenant; default 256. */
  readonly maxIssuers?: number;
}

/** Asks in the name of the operator, who is no tenant. */
export const OPERATOR = '';

interface Entry {
  keys: readonly JWK[];
  fetchedAt: number;
  triedAt: number;
  pending: Promise<void> | undefined;
}

const MAX_TENANTS = 1_000;
/** When fetching fails, keys serve up to this age. */
const MAX_STALE_MS = 3_600_000;
/** A Kubernetes API server gives its keys to those alone who name the media type of key sets (RFC 7517 section 8.5.2). */
const HEADERS = { accept: 'application/json, application/jwk-set+json' };

/**
 * Key sets of issuers, fetched by discovery or URL. Keys are refreshed when they age and, at most once in a cooldown, when a
 * token names a key that is not among them: made-up key ids must not become a flood on the issuer. Each tenant has its own, so
 * that none pushes out those of another, nor uses up its fetches.
 */
export class JwksCache {
  readonly #fetcher: OutboundFetcher;
  readonly #monotonicMs: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #freshMs: number;
  readonly #cooldownMs: number;
  readonly #maxIssuers: number;
  readonly #entriesByTenant = new BoundedCache<string, BoundedCache<string, Entry>>(MAX_TENANTS);

  constructor(options: JwksCacheOptions) {
    this.#fetcher = options.fetcher;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#onError = options.onError ?? (() => undefined);
    this.#freshMs = options.freshMs ?? 600_000;
    this.#cooldownMs = options.cooldownMs ?? 30_000;
    this.#maxIssuers = options.maxIssuers ?? 256;
  }

  /** The issuer's keys for a tenant; `keyId` is the one that is sought. Throws `evidence-keys-unavailable`. */
  async keysFor(
    tenant: string,
    issuer: string,
    source: JwksConfiguration,
    keyId: string | undefined,
  ): Promise<readonly JWK[]> {
    if (source.jwks !== undefined && 'inline' in source.jwks) return parseKeySet(source.jwks.inline);
    const entry = this.#entryFor(tenant, issuer, source);
    const isKnown = keyId === undefined || entry.keys.some((key) => key.kid === keyId);
    if (!isKnown || this.#monotonicMs() - entry.fetchedAt > this.#freshMs)
      await this.#refresh(entry, tenant, issuer, source);
    if (this.#monotonicMs() - entry.fetchedAt > MAX_STALE_MS) {
      throw new AttestationError('evidence-keys-unavailable', "the issuer's keys could not be fetched");
    }
    return entry.keys;
  }

  #entryFor(tenant: string, issuer: string, source: JwksConfiguration): Entry {
    let entries = this.#entriesByTenant.get(tenant);
    if (entries === undefined) {
      entries = new BoundedCache(this.#maxIssuers);
      this.#entriesByTenant.set(tenant, entries);
    }
    // Everything that says where keys come from is in the key: one trust provider's choice must not serve another's.
    const key = JSON.stringify([issuer, source.jwks, source.ca, source.allowedAddresses]);
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = { keys: [], fetchedAt: -Infinity, triedAt: -Infinity, pending: undefined };
      entries.set(key, entry);
    }
    return entry;
  }

  async #refresh(entry: Entry, tenant: string, issuer: string, source: JwksConfiguration): Promise<void> {
    if (entry.pending === undefined) {
      const now = this.#monotonicMs();
      if (now - entry.triedAt < this.#cooldownMs) return;
      entry.triedAt = now;
      entry.pending = this.#load(tenant, issuer, source)
        .then((keys) => {
          entry.keys = keys;
          entry.fetchedAt = this.#monotonicMs();
        })
        .catch((cause: unknown) => {
          const message = `the keys of ${issuer} could not be fetched`;
          this.#onError(new AttestationError('evidence-keys-unavailable', message, { cause }));
        })
        .finally(() => {
          entry.pending = undefined;
        });
    }
    await entry.pending;
  }

  async #load(tenant: string, issuer: string, source: JwksConfiguration): Promise<readonly JWK[]> {
    const url =
      source.jwks !== undefined && 'url' in source.jwks
        ? source.jwks.url
        : await this.#discover(tenant, issuer, source);
    return parseKeySet(await this.#json(tenant, url, source));
  }

  /** OpenID Connect Discovery 1.0 section 4.3: the document's issuer must be the one asked for, exactly. */
  async #discover(tenant: string, issuer: string, source: JwksConfiguration): Promise<string> {
    const document = await this.#json(tenant, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, source);
    if (!isJsonObject(document) || document['issuer'] !== issuer || typeof document['jwks_uri'] !== 'string') {
      throw new AttestationError('evidence-keys-unavailable', 'the discovery document is not that of the issuer');
    }
    return document['jwks_uri'];
  }

  async #json(tenant: string, url: string, source: JwksConfiguration): Promise<unknown> {
    const { ca, allowedAddresses } = source;
    const answer = await this.#fetcher.fetch({ tenant, method: 'GET', url, headers: HEADERS, ca, allowedAddresses });
    if (answer.status !== 200) {
      throw new AttestationError('evidence-keys-unavailable', `the issuer answered with status ${answer.status}`);
    }
    return JSON.parse(answer.body);
  }
}

function parseKeySet(value: unknown): readonly JWK[] {
  const keys = isJsonObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys)) {
    throw new AttestationError('evidence-keys-unavailable', "the issuer's key set is malformed");
  }
  // Symmetric keys are never taken: their "public" half would let anybody sign (RFC 8725 section 3.1).
  return keys.filter((key): key is JWK => isJsonObject(key) && isPublicKeyType(key['kty']));
}

function isPublicKeyType(kty: unknown): boolean {
  return kty === 'RSA' || kty === 'EC' || kty === 'OKP';
}
