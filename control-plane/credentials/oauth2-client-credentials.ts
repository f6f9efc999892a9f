import { BoundedCache } from '../../common/bounded-cache.ts';
import type { Clock } from '../../common/clock.ts';
import type { OutboundFetcher } from '../outbound/https-fetcher.ts';
import { proveClient } from './client-assertion.ts';
import { CredentialError, usableUntil } from './credential-minter.ts';
import type { ClientCredentialsSpec, CredentialMinter, MintContext, MintedCredential } from './credential-minter.ts';
import { parseTokenResponse } from './token-response.ts';

export interface ClientCredentialsOptions {
  readonly fetcher: OutboundFetcher;
  readonly clock: Clock;
  /** A clock that nobody sets; default `performance.now`. */
  readonly monotonicMs?: () => number;
}

interface Held {
  readonly tenant: string;
  readonly credential: string;
  token: (MintedCredential & { notAfter: number }) | undefined;
  /** Of the monotonic clock, as all below: were the other one set back, an old token would be handed out until it is there again. */
  endsAt: number;
  /** Refresh in the background from here on. */
  refreshAt: number;
  pending: Promise<MintedCredential> | undefined;
  failure: { readonly error: CredentialError; readonly until: number } | undefined;
}

const MAX_TOKENS = 10_000;
/** After a failure the endpoint is left alone for this long. */
const FAILURE_COOLDOWN_MS = 1_000;
/** A token is refreshed while the last part of its usable life is left. */
const REFRESH_AT_FRACTION = 0.85;

/**
 * Access tokens by client credentials (RFC 6749 section 4.4). One request in flight for each credential, user and audience,
 * however many callers wait; refreshed early while the old token still serves.
 */
export function createClientCredentialsMinter({
  clock,
  fetcher,
  monotonicMs = () => performance.now(),
}: ClientCredentialsOptions): CredentialMinter<ClientCredentialsSpec> {
  const held = new BoundedCache<string, Held>(MAX_TOKENS);
  return {
    async mint(spec, context) {
      const entry = heldFor(held, spec, context);
      const refresh = (): Promise<MintedCredential> => refreshOnce(entry, spec, { clock, fetcher, monotonicMs });
      const now = monotonicMs();
      const resting = entry.failure !== undefined && entry.failure.until > now;
      if (entry.token !== undefined && entry.token.notAfter > clock.now() && entry.endsAt > now) {
        // The old token serves on; a failed early refresh is tried again by a later caller.
        if (now >= entry.refreshAt && !resting) refresh().catch(() => {});
        return entry.token;
      }
      if (resting && entry.pending === undefined && entry.failure !== undefined) throw entry.failure.error;
      return refresh();
    },
    forget(tenant, credential) {
      // A request in flight ends in an entry that nobody finds any more.
      held.deleteWhere(
        (entry) => entry.tenant === tenant && (credential === undefined || entry.credential === credential),
      );
    },
  };
}

function heldFor(held: BoundedCache<string, Held>, spec: ClientCredentialsSpec, context: MintContext): Held {
  const { tenant, credential, version, user } = context;
  const key = JSON.stringify([tenant, credential, version, user ?? null, spec.audience ?? null]);
  let entry = held.get(key);
  if (entry === undefined) {
    const unused = { token: undefined, endsAt: 0, refreshAt: 0, pending: undefined, failure: undefined };
    entry = { tenant, credential, ...unused };
    held.set(key, entry);
  }
  return entry;
}

/** Joins the request that is in flight. */
function refreshOnce(
  entry: Held,
  spec: ClientCredentialsSpec,
  { clock, fetcher, monotonicMs }: Required<ClientCredentialsOptions>,
): Promise<MintedCredential> {
  entry.pending ??= requestToken(fetcher, entry.tenant, spec, clock.now())
    .then((token) => {
      const lifeMs = token.notAfter - clock.now();
      entry.token = token;
      entry.endsAt = monotonicMs() + lifeMs;
      entry.refreshAt = monotonicMs() + lifeMs * REFRESH_AT_FRACTION;
      entry.failure = undefined;
      return token;
    })
    .catch((cause: unknown) => {
      const error =
        cause instanceof CredentialError
          ? cause
          : new CredentialError('the token endpoint cannot be reached', { cause });
      entry.failure = { error, until: monotonicMs() + FAILURE_COOLDOWN_MS };
      throw error;
    })
    .finally(() => {
      entry.pending = undefined;
    });
  return entry.pending;
}

async function requestToken(
  fetcher: OutboundFetcher,
  tenant: string,
  spec: ClientCredentialsSpec,
  now: number,
): Promise<MintedCredential & { notAfter: number }> {
  const proof = await proveClient(spec, now);
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(spec.scope === undefined ? {} : { scope: spec.scope }),
    ...(spec.audience === undefined ? {} : { audience: spec.audience }),
    ...proof.parameters,
  });
  const answer = await fetcher.fetch({
    tenant,
    url: spec.tokenUrl,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...proof.headers },
    body: form.toString(),
    ca: spec.ca,
    allowedAddresses: spec.allowedAddresses,
  });
  const { secret, notAfter } = parseTokenResponse(answer, now);
  return { secret, notAfter: usableUntil(now, notAfter) };
}
