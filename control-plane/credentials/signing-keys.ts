import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';

/** One ES256 key pair of a ring. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Public JWK with kid, alg and use. */
  readonly publicJwk: JWK;
  /** Milliseconds since the epoch: published since, signs from, verified until. */
  readonly publishedFrom: number;
  readonly signsFrom: number;
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
