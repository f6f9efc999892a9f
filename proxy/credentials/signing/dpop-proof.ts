import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { VISIBLE_TEXT } from '../../../common/credential-grammar.ts';
import { encodeDpopHeader, signDpopProof } from '../../../common/dpop-proof.ts';
import type { Secret } from '../../../common/secret.ts';
import { invalid } from '../injection-error.ts';

/** An access token and the key that it is bound to (RFC 9449), made ready once for all calls under a grant. */
export interface DpopSigning {
  readonly accessToken: Secret;
  readonly key: KeyObject;
  /** First part of every proof: type, algorithm and public key. */
  readonly encodedHeader: string;
  /** RFC 9449 section 4.2, `ath`. */
  readonly tokenHash: string;
}

/** What one proof is for. */
export interface DpopCall {
  readonly method: string;
  /** Scheme, host, port where it is not the scheme's own, and path: no query and no fragment (RFC 9449 section 4.2). */
  readonly uri: string;
  /** As the server gave it; undefined when it has given none. */
  readonly nonce: string | undefined;
  readonly nowMs: number;
  /** Unique a proof; at least 96 bits of chance. */
  readonly jti: string;
}

/**
 * @param privateKey - P-256, in PKCS #8 PEM or as a private JWK in JSON.
 * @throws InjectionError `credential-invalid`
 */
export function prepareDpop(accessToken: Secret, privateKey: Secret): DpopSigning {
  if (!VISIBLE_TEXT.test(accessToken.reveal())) throw invalid('the access token cannot stand in a header');
  const key = readKey(privateKey);
  const publicKey = createPublicKey(key);
  if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw invalid('the DPoP key is not on the curve P-256');
  return {
    accessToken,
    key,
    encodedHeader: encodeDpopHeader(publicKey),
    tokenHash: createHash('sha256').update(accessToken.revealBytes()).digest('base64url'),
  };
}

/** A proof JWT (RFC 9449 section 4.2): value of the `DPoP` header. */
export function makeDpopProof(signing: DpopSigning, { method, uri, nonce, nowMs, jti }: DpopCall): string {
  const claims = { jti, htm: method, htu: uri, iat: Math.floor(nowMs / 1000), ath: signing.tokenHash, nonce };
  return signDpopProof(signing.encodedHeader, claims, signing.key);
}

function readKey(privateKey: Secret): KeyObject {
  const text = privateKey.reveal().trim();
  try {
    return text.startsWith('{') ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' }) : createPrivateKey(text);
  } catch {
    // Not kept as the cause: a parser's message may quote the key.
    throw invalid('the DPoP key is neither PKCS #8 PEM nor a private JWK');
  }
}
