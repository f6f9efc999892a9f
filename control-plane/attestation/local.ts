import { SignJWT } from 'jose';
import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { createSigningKey } from '../../common/signing-key.ts';
import { verifyEvidenceToken } from './evidence-token.ts';
import type { PeerProcess } from './peer-process.ts';
import { AttestationError } from './trust-provider.ts';
import type { TrustProviderVerifier } from './trust-provider.ts';
import type { LocalTrustProviderSpec } from '../resources/kinds.ts';

/** Of the tokens, and their audience. */
export const LOCAL_ISSUER = 'urn:sidekey:local';
const LIFETIME_SECONDS = 60;

/** Makes and checks evidence about processes of this machine. Exists only where the operator enabled it. */
export interface LocalAuthority extends TrustProviderVerifier<LocalTrustProviderSpec> {
  /** Evidence that says what the kernel said of `peer`, good for a minute and for this proxy key alone. */
  issue(peer: PeerProcess, proxyKeyThumbprint: string): Promise<string>;
}

/** Claims: `local.{uid, gid, pid, user, exe}`. The key lives in this process only, so evidence dies with it. */
export function createLocalAuthority(clock: Clock): LocalAuthority {
  const privateKey = createSigningKey();
  const publicPart = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify(publicPart)).digest('base64url');
  const keys = [{ ...publicPart, kty: 'EC', kid, alg: 'ES256' }];

  return {
    issue(peer, proxyKeyThumbprint) {
      const nowSeconds = Math.floor(clock.now() / 1000);
      return new SignJWT({ local: { ...peer }, cnf: { jkt: proxyKeyThumbprint } })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'sidekey-local+jwt' })
        .setIssuer(LOCAL_ISSUER)
        .setAudience(LOCAL_ISSUER)
        .setSubject(`local:${peer.user ?? peer.uid}`)
        .setJti(randomUUID())
        .setIssuedAt(nowSeconds)
        .setExpirationTime(nowSeconds + LIFETIME_SECONDS)
        .sign(privateKey);
    },

    async verify(evidence, _spec, now) {
      const { payload, hash } = await verifyEvidenceToken(evidence.token, {
        issuer: LOCAL_ISSUER,
        audience: LOCAL_ISSUER,
        now,
        keys: () => Promise.resolve(keys),
      });
      const { cnf, local } = payload as { cnf?: { jkt?: unknown }; local?: unknown };
      if (cnf?.jkt !== evidence.proxyKeyThumbprint) {
        throw new AttestationError('evidence-wrong-audience', "the evidence was made for another proxy's key");
      }
      return { issuer: LOCAL_ISSUER, subject: payload.sub, claims: { local }, notAfter: payload.exp * 1000, hash };
    },
  };
}
