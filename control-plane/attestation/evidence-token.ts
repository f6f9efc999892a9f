import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, errors, importJWK, jwtVerify } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import type { Reason } from '../../proto/reasons.ts';
import { isDeeper, MAX_LEVELS } from '../resources/nesting.ts';
import { findUnstorable } from '../store/storable.ts';
import { AttestationError } from './trust-provider.ts';

/** What an evidence token must satisfy. */
export interface EvidenceExpectation {
  readonly issuer: string;
  readonly audience: string;
  readonly now: number;
  /** Finds candidate keys. Keys come from the trust provider alone: `jwk`, `jku`, `x5u` and `x5c` headers are never read. */
  readonly keys: (keyId: string | undefined) => Promise<readonly JWK[]>;
}

export interface EvidencePayload {
  readonly payload: JWTPayload & { readonly sub: string; readonly exp: number };
  readonly hash: string;
}

const MAX_TOKEN_BYTES = 16_384;
export const CLOCK_SKEW_SECONDS = 5;
const ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
];
const CURVE_BY_ALGORITHM: Record<string, readonly string[]> = {
  ES256: ['P-256'],
  ES384: ['P-384'],
  ES512: ['P-521'],
  EdDSA: ['Ed25519'],
  Ed25519: ['Ed25519'],
};

/**
 * Verifies a JWT (RFC 7519, following RFC 8725): asymmetric algorithms that fit the key, signature before claims, exact issuer,
 * audience, `exp`, `nbf` and `iat`. Each failure has its own reason. Of a stranger's token, whose issuer is not read and compared
 * before, it would fetch keys.
 */
export async function verifyEvidenceToken(token: string, expected: EvidenceExpectation): Promise<EvidencePayload> {
  const header = readHeader(token);
  if (!ALGORITHMS.includes(header.alg)) {
    throw new AttestationError('evidence-bad-algorithm', 'the token does not use an allowed asymmetric algorithm');
  }
  const key = selectKey(await expected.keys(header.kid), header);
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, await importJWK(key, header.alg), {
      algorithms: [header.alg],
      issuer: expected.issuer,
      audience: expected.audience,
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate: new Date(expected.now),
    }));
  } catch (cause) {
    throw refusal(cause);
  }
  const { sub, exp, iat } = payload;
  if (typeof sub !== 'string' || sub === '' || exp === undefined) {
    throw new AttestationError('evidence-malformed', 'the token names no subject or has no end');
  }
  if (isDeeper(payload, MAX_LEVELS) || findUnstorable(payload) !== undefined) {
    throw new AttestationError('evidence-malformed', "the token's claims cannot be kept: nested too deep, or not text");
  }
  if ((iat ?? 0) > expected.now / 1000 + CLOCK_SKEW_SECONDS) {
    throw new AttestationError('evidence-not-yet-valid', 'the token was issued in the future');
  }
  return { payload: { ...payload, sub, exp }, hash: hashOf(token) };
}

/** `iss` of a token that is not verified yet: good for choosing whose keys to fetch, for nothing else. */
export function readUnverifiedIssuer(token: string): string | undefined {
  if (token.length > MAX_TOKEN_BYTES) return undefined;
  try {
    const { iss } = decodeJwt<{ readonly iss?: unknown }>(token);
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Over what is signed, without the signature: an ECDSA signature (r, s) has a twin (r, n-s) that verifies too, and base64url has
 * spare bits, so that a hash of the whole token would let burnt evidence come back in another form.
 */
function hashOf(token: string): string {
  return createHash('sha256')
    .update(token.slice(0, token.lastIndexOf('.')))
    .digest('base64url');
}

function readHeader(token: string): { alg: string; kid: string | undefined } {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) throw new TypeError('bad header');
    return { alg, kid };
  } catch (cause) {
    throw new AttestationError('evidence-malformed', "the token's header is malformed", { cause });
  }
}

function selectKey(keys: readonly JWK[], header: { alg: string; kid: string | undefined }): JWK {
  const named = keys.filter((key) => (header.kid === undefined || key.kid === header.kid) && key.use !== 'enc');
  if (named.length === 0) {
    throw new AttestationError('evidence-unknown-key', 'no key of the issuer has the id that the token names');
  }
  const fitting = named.filter((key) => fits(key, header.alg));
  const [only, second] = fitting;
  if (only === undefined) {
    throw new AttestationError('evidence-bad-algorithm', "the token's algorithm is not that of its key");
  }
  if (second !== undefined) throw new AttestationError('evidence-unknown-key', 'more than one key could have signed');
  return only;
}

function fits(key: JWK, alg: string): boolean {
  if (key.alg !== undefined && key.alg !== alg) return false;
  const curves = CURVE_BY_ALGORITHM[alg];
  if (curves === undefined) return key.kty === 'RSA';
  return curves.includes(key.crv ?? '');
}

const REASON_BY_CLAIM: Record<string, Reason> = {
  aud: 'evidence-wrong-audience',
  iss: 'evidence-wrong-issuer',
  nbf: 'evidence-not-yet-valid',
};

function refusal(cause: unknown): AttestationError {
  if (cause instanceof errors.JWTExpired) return new AttestationError('evidence-expired', 'the evidence has expired');
  if (cause instanceof errors.JWTClaimValidationFailed) {
    const reason = cause.reason === 'invalid' ? undefined : REASON_BY_CLAIM[cause.claim];
    return new AttestationError(reason ?? 'evidence-malformed', `the claim ${cause.claim} is not as it must be`);
  }
  if (cause instanceof errors.JWSSignatureVerificationFailed) {
    return new AttestationError('evidence-bad-signature', "the evidence's signature does not verify");
  }
  return new AttestationError('evidence-malformed', 'the evidence is malformed', { cause });
}
