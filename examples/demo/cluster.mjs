// Plays the Kubernetes API server: signs the projected service account token that tells who the agent is.
import { importJWK, SignJWT } from 'jose';
import { makeKeyPair } from './key-pair.mjs';

/** { issuer, audience, jwks, makeToken() } */
export async function makeCluster() {
  const issuer = 'https://kubernetes.demo.example';
  const audience = 'sidekey';
  const { privateJwk, publicJwk } = makeKeyPair();
  const privateKey = await importJWK(privateJwk, 'ES256');
  const jwks = { keys: [{ ...publicJwk, kid: 'cluster', alg: 'ES256', use: 'sig' }] };
  const makeToken = () =>
    new SignJWT({
      'kubernetes.io': {
        namespace: 'agents',
        serviceaccount: { name: 'support-agent', uid: 'a5a9' },
        pod: { name: 'support-agent-0', uid: 'b0f1' },
      },
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'cluster' })
      .setIssuer(issuer)
      .setSubject('system:serviceaccount:agents:support-agent')
      .setAudience(audience)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('1h')
      .sign(privateKey);
  return { issuer, audience, jwks, makeToken };
}
