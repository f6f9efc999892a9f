import { createHash, createPublicKey } from 'node:crypto';
import { EmbeddedJWK, jwtVerify } from 'jose';
import type { JWTPayload, JWTHeaderParameters } from 'jose';
import { thumbprintOf } from './proxy-key.ts';
import { AttestationError } from './trust-provider.ts';

/** A proof that holds together: its key's thumbprint, its id and when it was made. Whether the id is new is the caller's to check. */
export interface DpopProof {
  readonly thumbprint: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

export interface ProofExpectation {
  /** Path of the gRPC method: `htu`. */
  readonly path: string;
  /** base64url SHA-256 of the token or tokens the proof goes with: `ath`. */
  readonly tokenHash: string;
  readonly now: number;
}

const MAX_PROOF_BYTES = 4096;
/** A proof's `iat` may differ by this much. */
export const PROOF_WINDOW_MS = 60_000;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

/** The steps of RFC 9449 section 4.3, with ES256 alone, and gRPC's method path as `htu`. */
export async function verifyDpopProof(proof: string, expected: ProofExpectation): Promise<DpopProof> {
  if (proof.length > MAX_PROOF_BYTES || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(proof))
    throw refused('it is not a compact JWT');
  const { payload, header } = await verifySignature(proof, expected.now);
  const { jwk } = header;
  if (jwk === undefined || PRIVATE_MEMBERS.some((member) => member in jwk))
    throw refused('its key is not a public key');
  const { jti, iat, htm, htu, ath } = payload;
  if (typeof jti !== 'string' || jti.length < 8 || jti.length > 128)
    throw refused('its jti is missing or out of bounds');
  if (htm !== 'POST' || htu !== expected.path) throw refused('it was made for another method');
  if (ath !== expected.tokenHash) throw refused('it was made for another token');
  const issuedAt = typeof iat === 'number' ? iat * 1000 : Number.NaN;
  const aheadMs = issuedAt - expected.now;
  if (!(Math.abs(aheadMs) <= PROOF_WINDOW_MS)) throw refused(describeSkew(aheadMs));
  const key = createPublicKey({ key: { ...jwk } as Record<string, string>, format: 'jwk' });
  return { thumbprint: thumbprintOf(key), id: jti, issuedAt };
}

/** base64url SHA-256 over the parts joined: `ath` of RFC 9449, and of Attest's proof over its evidence. */
export function tokenHash(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('base64url');
}

async function verifySignature(
  proof: string,
  now: number,
): Promise<{ payload: JWTPayload; header: JWTHeaderParameters & { jwk?: object } }> {
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(now),
    });
    return { payload, header: protectedHeader };
  } catch (cause) {
    throw refused('its signature or header does not verify', cause);
  }
}

/** A proof is made for each call: one of another time is replayed, or comes from a clock that is wrong. */
function describeSkew(aheadMs: number): string {
  if (Number.isNaN(aheadMs)) return 'it does not say when it was made';
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return `its time is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock here: compare the clocks of proxy and control plane`;
}

function refused(what: string, cause?: unknown): AttestationError {
  return new AttestationError('session-invalid', `the DPoP proof is refused: ${what}`, { cause });
}
