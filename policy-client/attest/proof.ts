import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { encodeDpopHeader, signDpopProof } from '../../common/dpop-proof.ts';
import { createSigningKey } from '../../common/signing-key.ts';

/** Makes DPoP proofs (RFC 9449 section 4.2) with the proxy's own key, which is made here and never leaves the process. */
export class ProofMaker {
  readonly privateKey = createSigningKey();
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyDer: Buffer;
  readonly #header: string;

  constructor() {
    const publicKey = createPublicKey(this.privateKey);
    this.publicKeyDer = publicKey.export({ type: 'spki', format: 'der' });
    this.#header = encodeDpopHeader(publicKey);
  }

  /**
   * A proof for one call.
   * @param path - The method's path, such as `/sidekey.v1.ProxyService/Watch`; stands in `htu`.
   * @param proven - What the proof goes with: the session token, or all evidence tokens joined; its hash stands in `ath`.
   */
  make(path: string, proven: string | Uint8Array, nowMs: number): string {
    const claims = {
      jti: randomUUID(),
      htm: 'POST',
      htu: path,
      iat: Math.floor(nowMs / 1_000),
      ath: createHash('sha256').update(proven).digest('base64url'),
    };
    return signDpopProof(this.#header, claims, this.privateKey);
  }
}
