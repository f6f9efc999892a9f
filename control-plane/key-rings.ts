import type { Clock } from '../common/clock.ts';
import { SigningKeyRing } from './credentials/signing-keys.ts';
import { createSigningKeyStore } from './store/signing-key-store.ts';
import type { Sealer } from './store/sealing.ts';
import { CHANNELS, type SqlStore } from './store/sql-store.ts';

/** The control plane's own signing keys, by purpose. */
export interface KeyRings {
  readonly session: SigningKeyRing;
  readonly event: SigningKeyRing;
  readonly issuer: SigningKeyRing;
  /** Replaces every signing key; the old ones still verify what they signed. Gives the purposes. */
  rotate(): Promise<string[]>;
  close(): Promise<void>;
}

const REFRESH_MS = 60_000;

/** Opens all rings, and keeps them rotating and in step with other replicas. */
export async function openKeyRings(
  store: SqlStore,
  sealer: Sealer,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<KeyRings> {
  const open = (purpose: 'session' | 'event' | 'issuer'): Promise<SigningKeyRing> =>
    SigningKeyRing.open(createSigningKeyStore(store, sealer, purpose), clock);
  const rings = { session: await open('session'), event: await open('event'), issuer: await open('issuer') };
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
      for (const ring of all) await ring.rotateNow(false);
      return Object.keys(rings);
    },
    async close() {
      clearInterval(timer);
      await unlisten();
      await refreshing;
    },
  };
}
