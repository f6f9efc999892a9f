import { createHash, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JWK } from 'jose';
import { createSigningKey } from '../../../common/signing-key.ts';

/** An issuer of JWTs whose every part a test may bend. Times in seconds. */
export class TokenIssuer {
  readonly issuer: string;
  #key: { privateKey: KeyObject; jwk: JWK & { kty: string; kid: string } };

  constructor(issuer: string) {
    this.issuer = issuer;
    this.#key = makeKey();
  }

  get jwks(): { keys: (JWK & { kty: string; kid: string })[] } {
    return { keys: [this.#key.jwk] };
  }

  get privateKey(): KeyObject {
    return this.#key.privateKey;
  }

  /** Signs with a new key from now on; what it published before is gone. */
  rotate(): void {
    this.#key = makeKey();
  }

  sign(claims: Record<string, unknown>, now: number, header: Record<string, unknown> = {}): Promise<string> {
    const iat = Math.floor(now / 1000);
    return new SignJWT({ iss: this.issuer, sub: 'someone', aud: 'sidekey', iat, exp: iat + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: this.#key.jwk.kid, ...header })
      .sign(this.#key.privateKey);
  }
}

function makeKey(): { privateKey: KeyObject; jwk: JWK & { kty: string; kid: string } } {
  const privateKey = createSigningKey();
  const { crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = createHash('sha256').update(`${x}${y}`).digest('hex').slice(0, 16);
  return {
    privateKey,
    jwk: { kty: 'EC', crv, x, y, kid, alg: 'ES256', use: 'sig' } as JWK & { kty: string; kid: string },
  };
}
