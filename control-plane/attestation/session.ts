import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import type { SigningKeys } from '../credentials/signing-keys.ts';

/** What a session token says. Everything else about a session lives in the store under `id`. */
export interface SessionTicket {
  readonly id: string;
  readonly tenant: string;
  readonly instanceId: string;
  /** RFC 7638 thumbprint of the proxy's key: `cnf.jkt` (RFC 9449 section 6). */
  readonly proxyKeyThumbprint: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** The metadata of one call, as received. */
export interface SessionPresentation {
  /** `DPoP <session token>` */
  readonly authorization: string | undefined;
  /** The proof JWT. */
  readonly dpop: string | undefined;
  /** gRPC path, such as `/sidekey.v1.ProxyService/Watch`. */
  readonly path: string;
}

/** What Attest sends to show that it holds the key it asks a session for. */
export interface AttestPresentation {
  /** SubjectPublicKeyInfo in DER. */
  readonly proxyKey: Uint8Array;
  readonly proof: string;
  /** The evidence tokens in their order. */
  readonly evidenceTokens: readonly Uint8Array[];
  readonly path: string;
}

export interface ProvenKey {
  readonly thumbprint: string;
  readonly key: KeyObject;
}

/** Mints and checks key-bound sessions. All refusals are AttestationErrors. */
export interface SessionAuthority {
  mint(ticket: SessionTicket): Promise<string>;
  /** Reasons: session-invalid, session-expired, proof-replayed, overloaded. The caller still asks the store for revocation. */
  authenticate(presentation: SessionPresentation): Promise<SessionTicket>;
  /** Reasons: session-invalid, proof-replayed, overloaded. */
  proveKey(presentation: AttestPresentation): Promise<ProvenKey>;
}

export interface SessionAuthorityOptions {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  /** `iss` and `aud` of session tokens: the control plane's own name. */
  readonly issuer: string;
  /** A proof's `iat` may differ by this much; default 60,000. */
  readonly proofWindowMs?: number;
  /** Proofs remembered in all; default 100,000. */
  readonly maxProofs?: number;
  /** Proofs remembered for one key; default 2,000. */
  readonly maxProofsPerKey?: number;
}
