import { createPrivateKey, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Secret } from '../../common/secret.ts';
import { CredentialError } from './credential-minter.ts';
import type { ClientAuthentication, ClientCredentialsSpec } from './credential-minter.ts';

/** The headers and parameters with which a client shows who it is. */
export interface ClientProof {
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ASSERTION_SECONDS = 60;

/** RFC 6749 section 2.3.1 and RFC 7523 section 2.2. */
export async function proveClient(spec: ClientCredentialsSpec, now: number): Promise<ClientProof> {
  const { auth, clientId } = spec;
  switch (auth.method) {
    case 'client_secret_basic': {
      // Both are form-encoded before they are joined, which many clients forget.
      const pair = `${formEncode(clientId)}:${formEncode(auth.clientSecret.reveal())}`;
      return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }, parameters: {} };
    }
    case 'client_secret_post':
      return { headers: {}, parameters: { client_id: clientId, client_secret: auth.clientSecret.reveal() } };
    case 'private_key_jwt':
      return {
        headers: {},
        parameters: {
          client_id: clientId,
          client_assertion_type: ASSERTION_TYPE,
          client_assertion: await signAssertion(spec, auth, now),
        },
      };
  }
}

function signAssertion(
  spec: ClientCredentialsSpec,
  auth: ClientAuthentication & { readonly method: 'private_key_jwt' },
  now: number,
): Promise<string> {
  const nowSeconds = Math.floor(now / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: auth.algorithm, ...(auth.keyId === undefined ? {} : { kid: auth.keyId }) })
    .setIssuer(spec.clientId)
    .setSubject(spec.clientId)
    .setAudience(spec.tokenUrl)
    .setJti(randomUUID())
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + ASSERTION_SECONDS)
    .sign(readPrivateKey(auth.privateKey));
}

function readPrivateKey(secret: Secret): KeyObject {
  const text = secret.reveal().trim();
  try {
    if (text.startsWith('{')) return createPrivateKey({ key: JSON.parse(text), format: 'jwk' });
    return createPrivateKey(text);
  } catch {
    // Not kept as the cause: a parser's message may quote the key.
    throw new CredentialError('the private key is neither PKCS #8 PEM nor a JWK', { reason: 'credential-invalid' });
  }
}

function formEncode(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}
