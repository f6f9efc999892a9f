import { createHash, randomUUID, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JWK } from 'jose';
import { createSigningKey } from '../../../common/signing-key.ts';

/** A proxy's key as the policy client holds it, and proofs made with it (or, for attacks, made wrongly with it). */
export class ProxyIdentity {
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
  readonly jwk: JWK;

  constructor() {
    this.privateKey = createSigningKey();
    const publicKey = createPublicKey(this.privateKey);
    this.spki = publicKey.export({ type: 'spki', format: 'der' });
    this.jwk = publicKey.export({ format: 'jwk' }) as JWK;
  }

  get thumbprint(): string {
    const { crv, kty, x, y } = this.jwk;
    return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  }

  proof(
    path: string,
    token: string | readonly (string | Uint8Array)[],
    now: number,
    change: { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: KeyObject } = {},
  ): Promise<string> {
    const hash = createHash('sha256');
    for (const part of typeof token === 'string' ? [token] : token) hash.update(part);
    const claims = {
      htm: 'POST',
      htu: path,
      ath: hash.digest('base64url'),
      jti: randomUUID(),
      iat: Math.floor(now / 1000),
    };
    return new SignJWT({ ...claims, ...change.claims })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.jwk, ...change.header })
      .sign(change.key ?? this.privateKey);
  }
}
