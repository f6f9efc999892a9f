import { randomBytes, createPublicKey } from 'node:crypto';
import { Agent, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { calculateJwkThumbprint, type JWK } from 'jose';
import Provider from 'oidc-provider';
import { type InjectingWorld, startInjectingWorld } from '../../support/worlds/injecting-world.ts';
import { type HttpsServer, startHttpsServer } from '../../support/upstreams/https-server.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

interface DpopResource extends HttpsServer {
  readonly privateKey: JWK;
  /** Bound to the key; opens `GET /me`. */
  readonly accessToken: string;
}

/**
 * The userinfo endpoint (`/me`) of a real OpenID provider as a resource that takes DPoP-bound tokens alone and checks
 * their proofs (RFC 9449 section 7): key, method, URI, token hash, replay and, when it wants nonces, the nonce.
 */
async function startDpopResource(wantsNonce: boolean): Promise<DpopResource> {
  const privateKey = createSigningKey();
  const publicKey = createPublicKey(privateKey);
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
  const privateKey = createSigningKey();
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

let resource: DpopResource | undefined;
let injecting: InjectingWorld | undefined;
afterEach(async () => {
  await injecting?.close();
  await resource?.close();
});

/** What the resource says to the token alone, which shows that it checks proofs. */
async function withoutProof({ url, caPem, accessToken }: DpopResource): Promise<number> {
  const dispatcher = new Agent({ connect: { ca: caPem } });
  const answer = await request(`${url}/me`, { dispatcher, headers: { authorization: `DPoP ${accessToken}` } });
  await answer.body.dump();
  await dispatcher.close();
  return answer.statusCode;
}

describe.each([
  ['with proofs alone', false],
  ['that demands its nonce', true],
])('a real provider %s', (_what, wantsNonce) => {
  it('takes each call of an agent that has neither token nor key', { timeout: 180_000 }, async () => {
    resource = await startDpopResource(wantsNonce);
    const { accessToken, privateKey, url } = resource;
    expect(await withoutProof(resource)).toBe(400);
    injecting = await startInjectingWorld(
      resource,
      { bound: JSON.stringify({ accessToken, privateKey }) },
      { dpop: { paths: ['/me'], credentials: [{ provider: 'bound', inject: { type: 'dpop' } }] } },
    );
    for (let call = 0; call < 3; call += 1) {
      const answer = await injecting.fetch(`${url}/me?call=${call}`);
      expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 200, body: { sub: 'alice' } });
    }
    const posted = await injecting.fetch(`${url}/me`, { method: 'POST' });
    expect(await posted.json()).toEqual({ sub: 'alice' });
  });
});
