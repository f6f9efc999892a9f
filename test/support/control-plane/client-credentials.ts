import { Agent, request } from 'undici';
import type { ProviderServer } from './oidc-provider.ts';

/** An access token of a test provider, by client credentials with client_secret_basic. */
export async function requestToken(provider: ProviderServer, clientId: string, secret: string): Promise<string> {
  const dispatcher = new Agent({ connect: { ca: provider.caPem } });
  try {
    const answer = await request(`${provider.url}/token`, {
      method: 'POST',
      dispatcher,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
      },
      body: 'grant_type=client_credentials',
    });
    const body: unknown = await answer.body.json();
    if (typeof body === 'object' && body !== null && 'access_token' in body) return String(body.access_token);
    throw new Error(`the provider gives ${clientId} no token: ${JSON.stringify(body)}`);
  } finally {
    await dispatcher.close();
  }
}
