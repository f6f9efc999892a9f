import type { Clock } from '../common/clock.ts';
import { JWKS_MAX_AGE_SECONDS } from './credentials/issuer.ts';
import { type KeyRotation, SigningKeyRing } from './credentials/signing-keys.ts';
import { createSigningKeyStore, type KeyPurpose } from './store/signing-key-store.ts';
import type { Sealer } from './store/sealing.ts';
import { CHANNELS, type SqlStore } from './store/sql-store.ts';

/** The control plane's own signing keys, by purpose. */
export interface KeyRings {
  readonly session: SigningKeyRing;
  readonly event: SigningKeyRing;
  readonly issuer: SigningKeyRing;
  /** Seals the decision log; its keys verify for as long as a log is kept. */
  readonly checkpoint: SigningKeyRing;
  /**
   * Replaces every signing key; the old ones still verify what they signed. The issuer's next key is published before it
   * signs, for longer than verifiers hold the old list. Gives the purposes.
   */
  rotate(): Promise<string[]>;
  close(): Promise<void>;
}

const REFRESH_MS = 60_000;
/** Longer than any verifier may cache the issuer's keys, and another replica needs to hear of them. */
const ISSUER_AHEAD_MS = JWKS_MAX_AGE_SECONDS * 1_000 + 300_000;
const YEAR_MS = 365 * 86_400_000;
const CHECKPOINT_ROTATION = { signForMs: YEAR_MS, verifyAfterMs: 20 * YEAR_MS };

/** Opens all rings, and keeps them rotating and in step with other replicas. */
export async function openKeyRings(
  store: SqlStore,
  sealer: Sealer,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<KeyRings> {
  const open = (purpose: KeyPurpose, rotation?: KeyRotation): Promise<SigningKeyRing> =>
    SigningKeyRing.open(createSigningKeyStore(store, sealer, purpose), clock, rotation);
  const rings = {
    session: await open('session'),
    event: await open('event'),
    issuer: await open('issuer'),
    checkpoint: await open('checkpoint', CHECKPOINT_ROTATION),
  };
  const all = Object.values(rings);
  let refreshing: Promise<void> = Promise.resolve();
  const refresh = (): void => {
    refreshing = refreshing
      .then(async () => {
        for (const ring of all) await ring.refresh();
      })
      .catch(onError);
  };
  const unlisten = await store.listen(CHANNELS.keys, refresh, refresh);
  const timer = setInterval(refresh, REFRESH_MS);
  timer.unref();
  return {
    ...rings,
    async rotate() {
      for (const ring of all) await (ring === rings.issuer ? ring.rotateIn(ISSUER_AHEAD_MS) : ring.rotateNow());
      return Object.keys(rings);
    },
    async close() {
      clearInterval(timer);
      await unlisten();
      await refreshing;
    },
  };
}
