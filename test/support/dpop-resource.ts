import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import Provider from 'oidc-provider';
import { type HttpsServer, startHttpsServer } from './https-server.ts';

export interface DpopResource extends HttpsServer {
  readonly privateKey: JWK;
  /** Bound to the key; opens `GET /me`. */
  readonly accessToken: string;
}

/**
 * The userinfo endpoint (`/me`) of a real OpenID provider as a resource that takes DPoP-bound tokens alone and checks
 * their proofs (RFC 9449 section 7): key, method, URI, token hash, replay and, when it wants nonces, the nonce.
 */
export async function startDpopResource(wantsNonce: boolean): Promise<DpopResource> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const holder: { provider?: Provider } = {};
  const server = await startHttpsServer((url) => {
    holder.provider = new Provider(url, configuration(wantsNonce));
    return holder.provider.callback();
  });
  const { provider } = holder;
  if (provider === undefined) throw new Error('no provider');
  const jkt = await calculateJwkThumbprint(publicKey.export({ format: 'jwk' }) as JWK);
  const grant = new provider.Grant({ clientId: 'agent', accountId: 'alice' });
  grant.addOIDCScope('openid');
  const client = await provider.Client.find('agent');
  const of = {
    accountId: 'alice',
    client,
    grantId: await grant.save(),
    gty: 'authorization_code',
    scope: 'openid',
    jkt,
  };
  return {
    ...server,
    privateKey: privateKey.export({ format: 'jwk' }) as JWK,
    accessToken: await new provider.AccessToken(of).save(),
  };
}

function configuration(wantsNonce: boolean): Record<string, unknown> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    clients: [
      {
        client_id: 'agent',
        client_secret: 'not used',
        grant_types: ['authorization_code'],
        redirect_uris: ['https://agent.test/cb'],
        response_types: ['code'],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'provider-1' }] },
    findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => wantsNonce },
    },
  };
}
