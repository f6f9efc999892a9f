import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import type { JWK } from 'jose';
import type { Clock } from '../../common/clock.ts';
import { Secret } from '../../common/secret.ts';
import { createSigningKey } from '../../common/signing-key.ts';

/** One ES256 key pair of a ring. Times are milliseconds since the epoch. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Public JWK with kid, alg and use. */
  readonly publicJwk: JWK;
  readonly signsFrom: number;
  /** Published, and good for verifying, until then. */
  readonly verifiesUntil: number;
}

/** The keys that serve one purpose (sessions, issuer, events): never shared between purposes. */
export interface SigningKeys {
  /** The key to sign with now. */
  current(): SigningKey;
  /** A key that may still verify, or undefined. */
  find(id: string): SigningKey | undefined;
  /** Public keys to publish now, the ones that will sign next included. */
  published(): readonly JWK[];
}

/** A key as it is kept; `privateKey` is PKCS #8 DER, to be sealed at rest. */
export interface StoredSigningKey {
  readonly id: string;
  readonly privateKey: Secret;
  readonly signsFrom: number;
  readonly verifiesUntil: number;
}

/** Where the keys of one purpose are kept. All replicas see the same ones. */
export interface SigningKeyStore {
  load(): Promise<readonly StoredSigningKey[]>;
  add(key: StoredSigningKey): Promise<void>;
  /** Once it has ended by the store's own clock too: that of one replica may be wrong. */
  remove(id: string): Promise<void>;
}

export interface KeyRotation {
  /** A key signs this long; default 86,400,000 (a day). */
  readonly signForMs?: number;
  /** A key verifies this long after it last signed: longer than any token lives; default 7,200,000. */
  readonly verifyAfterMs?: number;
}

/** A key is published this long before it signs, so that verifiers' caches know it. */
const PUBLISH_AHEAD_MS = 3_600_000;

/** A rotating ring over a store. `refresh` makes, takes over from other replicas, and drops keys; call it every minute or so. */
export class SigningKeyRing implements SigningKeys {
  readonly #store: SigningKeyStore;
  readonly #clock: Clock;
  readonly #signForMs: number;
  readonly #verifyAfterMs: number;
  #keys: readonly SigningKey[] = [];

  private constructor(store: SigningKeyStore, clock: Clock, rotation: KeyRotation) {
    this.#store = store;
    this.#clock = clock;
    this.#signForMs = rotation.signForMs ?? 86_400_000;
    this.#verifyAfterMs = rotation.verifyAfterMs ?? 7_200_000;
  }

  static async open(store: SigningKeyStore, clock: Clock, rotation: KeyRotation = {}): Promise<SigningKeyRing> {
    const ring = new SigningKeyRing(store, clock, rotation);
    await ring.refresh();
    return ring;
  }

  current(): SigningKey {
    const now = this.#clock.now();
    const usable = this.#keys.filter(({ verifiesUntil }) => verifiesUntil > now);
    // The newest that signs already; replicas that rotated at the same moment agree by the id. Once the clock was set back, even
    // the oldest may not have begun: whoever verifies takes it all the same.
    const key = usable.findLast(({ signsFrom }) => signsFrom <= now) ?? usable[0];
    if (key === undefined) throw new Error('all signing keys have ended: is the clock of this machine right?');
    return key;
  }

  find(id: string): SigningKey | undefined {
    return this.#keys.find((key) => key.id === id && key.verifiesUntil > this.#clock.now());
  }

  published(): readonly JWK[] {
    return this.#keys.filter((key) => key.verifiesUntil > this.#clock.now()).map((key) => key.publicJwk);
  }

  async refresh(): Promise<void> {
    await this.#load();
    const now = this.#clock.now();
    for (const key of this.#keys) if (key.verifiesUntil <= now) await this.#store.remove(key.id);
    // What begins later than any key that is made here comes from a replica whose clock is ahead, and takes no key's place.
    const latest = now + 2 * PUBLISH_AHEAD_MS;
    const newest = this.#keys.findLast(({ signsFrom }) => signsFrom <= latest) ?? this.#keys[0];
    if (newest === undefined || newest.verifiesUntil <= now) {
      await this.#add(now);
    } else if (newest.signsFrom + this.#signForMs - PUBLISH_AHEAD_MS <= now) {
      await this.#add(Math.max(newest.signsFrom + this.#signForMs, now + PUBLISH_AHEAD_MS));
    } else return;
    await this.#load();
  }

  /**
   * Has a new key sign after `aheadMs`, published until then; a key that waits to sign already is left to do so.
   * Gives the moment when it begins.
   */
  async rotateIn(aheadMs: number): Promise<number> {
    await this.#load();
    const now = this.#clock.now();
    const waiting = this.#keys.find((key) => key.signsFrom > now);
    if (waiting !== undefined && waiting.signsFrom <= now + aheadMs) return waiting.signsFrom;
    await this.#add(now + aheadMs);
    await this.#load();
    return now + aheadMs;
  }

  /** Replaces the signing key at once, without publishing ahead; the old keys still verify. */
  async rotateNow(): Promise<void> {
    await this.#add(this.#clock.now());
    await this.#load();
  }

  async #add(signsFrom: number): Promise<void> {
    const privateKey = createSigningKey();
    await this.#store.add({
      id: await calculateJwkThumbprint(createPublicKey(privateKey).export({ format: 'jwk' }) as JWK),
      privateKey: new Secret(privateKey.export({ format: 'der', type: 'pkcs8' })),
      signsFrom,
      verifiesUntil: signsFrom + this.#signForMs + this.#verifyAfterMs,
    });
  }

  async #load(): Promise<void> {
    const known = new Map(this.#keys.map((key) => [key.id, key]));
    const stored = await this.#store.load();
    this.#keys = stored
      .map((key) => known.get(key.id) ?? openKey(key))
      .sort((a, b) => a.signsFrom - b.signsFrom || (a.id < b.id ? -1 : 1));
  }
}

function openKey(stored: StoredSigningKey): SigningKey {
  const privateKey = createPrivateKey({ key: stored.privateKey.revealBytes(), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const publicJwk = { kty, crv, x, y, kid: stored.id, alg: 'ES256', use: 'sig' } as JWK;
  const { id, signsFrom, verifiesUntil } = stored;
  return { id, privateKey, publicKey, publicJwk, signsFrom, verifiesUntil };
}
