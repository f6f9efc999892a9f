import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';

/** Makes DPoP proofs (RFC 9449 section 4.2) with the proxy's own key, which is made here and never leaves the process. */
export class ProofMaker {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyDer: Buffer;
  readonly #header: string;

  constructor() {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.privateKey = pair.privateKey;
    this.publicKeyDer = pair.publicKey.export({ type: 'spki', format: 'der' });
    const { kty, crv, x, y } = pair.publicKey.export({ format: 'jwk' });
    this.#header = encodeJson({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
  }

  /**
   * A proof for one call.
   * @param path - The method's path, such as `/sidekey.v1.ProxyService/Watch`; stands in `htu`.
   * @param proven - What the proof goes with: the session token, or all evidence tokens joined; its hash stands in `ath`.
   */
  make(path: string, proven: string | Uint8Array, nowMs: number): string {
    const payload = encodeJson({
      jti: randomUUID(),
      htm: 'POST',
      htu: path,
      iat: Math.floor(nowMs / 1_000),
      ath: createHash('sha256').update(proven).digest('base64url'),
    });
    const input = `${this.#header}.${payload}`;
    // JWS wants the two numbers side by side, not DER (RFC 7518 section 3.4).
    const signature = sign('sha256', Buffer.from(input), { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  }
}

function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
