import { randomUUID } from 'node:crypto';
import { SignJWT, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import type { Clock } from '../../common/clock.ts';
import type { SigningKeys } from '../credentials/signing-keys.ts';
import { PROOF_WINDOW_MS, tokenHash, verifyDpopProof } from './dpop-proof.ts';
import type { DpopProof } from './dpop-proof.ts';
import { proxyKeyThumbprint } from './proxy-key.ts';
import { ReplayGuard } from './replay-guard.ts';
import { AttestationError } from './trust-provider.ts';

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

/** A key whose holder asks for a session. */
export interface ProvenKey {
  /** RFC 7638. */
  readonly thumbprint: string;
  /** Uses the proof up, for a tenant whose trust provider took the evidence. Reasons: proof-replayed, overloaded. */
  readonly useProof: (tenant: string) => Promise<void>;
}

/** Memory of used proofs that all replicas share. */
export interface UsedProofs {
  /** False when the id was used for this key before. It may be forgotten at `expires` (milliseconds since the epoch). */
  use(thumbprint: string, id: string, expires: number): Promise<boolean>;
}

/** Mints and checks key-bound sessions. All refusals are AttestationErrors. */
export interface SessionAuthority {
  mint(ticket: SessionTicket): Promise<string>;
  /** Reasons: session-invalid, session-expired, proof-replayed, overloaded. The caller still asks the store for revocation. */
  authenticate(presentation: SessionPresentation): Promise<SessionTicket>;
  /** Reasons: session-invalid, proof-replayed. The proof is not yet used up: that is `useProof`, once evidence is verified. */
  proveKey(presentation: AttestPresentation): Promise<ProvenKey>;
}

export interface SessionAuthorityOptions {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  /** `iss` and `aud` of session tokens: the control plane's own name. */
  readonly issuer: string;
  /** Proofs remembered in all; default 100,000. */
  readonly maxProofs?: number;
  /** What other replicas know of; default: there are none. */
  readonly sharedProofs?: UsedProofs | undefined;
  /** Proofs remembered for one key; default 2,000. */
  readonly maxProofsPerKey?: number;
}

const TOKEN_TYPE = 'sidekey-session+jwt';
const MAX_TOKEN_BYTES = 4096;
const MAX_EVIDENCE = 8;

/** The only maker and reader of session tokens (ES256, `cnf.jkt` as RFC 9449 section 6.1). */
export function createSessionAuthority(options: SessionAuthorityOptions): SessionAuthority {
  const { clock, issuer, keys } = options;
  const maxProofs = options.maxProofs ?? 100_000;
  const maxProofsPerKey = options.maxProofsPerKey ?? 2_000;
  // Attest is open to strangers with keys of their own making: it has a memory apart from that of sessions, and only those
  // whose evidence is verified get into it.
  const sessionProofs = new ReplayGuard(clock, maxProofs, maxProofsPerKey);
  const attestProofs = new ReplayGuard(clock, maxProofs, maxProofsPerKey);

  async function useOnce(guard: ReplayGuard, tenant: string, { thumbprint, id, issuedAt }: DpopProof): Promise<void> {
    const expires = issuedAt + PROOF_WINDOW_MS;
    const outcome = guard.use(tenant, thumbprint, id, expires);
    if (outcome === 'replayed') throw replayed();
    if (outcome === 'full') throw new AttestationError('overloaded', 'too many DPoP proofs at once');
    // The memory above bounds what one replica writes; only the store knows what was used at another.
    if (options.sharedProofs !== undefined && !(await options.sharedProofs.use(thumbprint, id, expires)))
      throw replayed();
  }

  return {
    mint(ticket) {
      const key = keys.current();
      return new SignJWT({ ten: ticket.tenant, ins: ticket.instanceId, cnf: { jkt: ticket.proxyKeyThumbprint } })
        .setProtectedHeader({ alg: 'ES256', typ: TOKEN_TYPE, kid: key.id })
        .setIssuer(issuer)
        .setAudience(issuer)
        .setSubject(ticket.id)
        .setJti(randomUUID())
        .setIssuedAt(Math.floor(clock.now() / 1000))
        .setExpirationTime(Math.floor(ticket.notAfter / 1000))
        .sign(key.privateKey);
    },

    async authenticate({ authorization, dpop, path }) {
      const token = readAuthorization(authorization);
      if (dpop === undefined) throw invalid('there is no DPoP proof');
      const now = clock.now();
      const ticket = readTicket(await verifyToken(token, keys, issuer, now));
      const proof = await verifyDpopProof(dpop, { path, tokenHash: tokenHash(token), now });
      if (proof.thumbprint !== ticket.proxyKeyThumbprint) throw invalid('the session belongs to another key');
      await useOnce(sessionProofs, ticket.tenant, proof);
      return ticket;
    },

    async proveKey({ proxyKey, proof, evidenceTokens, path }) {
      if (evidenceTokens.length > MAX_EVIDENCE) throw invalid(`more than ${MAX_EVIDENCE} pieces of evidence`);
      const thumbprint = proxyKeyThumbprint(proxyKey);
      const now = clock.now();
      const verified = await verifyDpopProof(proof, { path, tokenHash: tokenHash(...evidenceTokens), now });
      if (verified.thumbprint !== thumbprint) throw invalid('the proof is by another key');
      if (attestProofs.has(thumbprint, verified.id)) throw replayed();
      return { thumbprint, useProof: (tenant) => useOnce(attestProofs, tenant, verified) };
    },
  };
}

function readAuthorization(authorization: string | undefined): string {
  // RFC 9110 section 11.1: the scheme is case-insensitive.
  const match = /^DPoP ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization?.slice(0, MAX_TOKEN_BYTES + 1) ?? '');
  const token = match?.[1];
  if (token === undefined || token.length > MAX_TOKEN_BYTES) throw invalid('there is no session token');
  return token;
}

async function verifyToken(token: string, keys: SigningKeys, issuer: string, now: number): Promise<JWTPayload> {
  try {
    const { kid } = decodeProtectedHeader(token);
    const key = kid === undefined ? undefined : keys.find(kid);
    if (key === undefined) throw invalid('the session token is signed with an unknown key');
    const { payload } = await jwtVerify(token, key.publicKey, {
      algorithms: ['ES256'],
      typ: TOKEN_TYPE,
      issuer,
      audience: issuer,
      requiredClaims: ['exp', 'sub', 'ten', 'ins', 'cnf'],
      currentDate: new Date(now),
    });
    return payload;
  } catch (cause) {
    if (cause instanceof AttestationError) throw cause;
    if (cause instanceof errors.JWTExpired) throw new AttestationError('session-expired', 'the session has expired');
    throw new AttestationError('session-invalid', 'the session token does not verify', { cause });
  }
}

function readTicket(payload: JWTPayload): SessionTicket {
  const { sub, exp, ten, ins, cnf } = payload;
  const jkt = typeof cnf === 'object' && cnf !== null && 'jkt' in cnf ? cnf.jkt : undefined;
  if (typeof ten !== 'string' || typeof ins !== 'string' || typeof jkt !== 'string' || sub === undefined) {
    throw invalid('the session token is incomplete');
  }
  return { id: sub, tenant: ten, instanceId: ins, proxyKeyThumbprint: jkt, notAfter: (exp ?? 0) * 1000 };
}

function replayed(): AttestationError {
  return new AttestationError('proof-replayed', 'the DPoP proof was used before');
}

function invalid(what: string): AttestationError {
  return new AttestationError('session-invalid', what);
}
