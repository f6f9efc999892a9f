import { expect, it, vi } from 'vitest';
import { createPolicyClient, type PolicyClient } from '../../policy-client/index.ts';
import { EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';
import { useBillingPlane } from '../support/worlds/billing-plane.ts';
import { resource } from '../support/control-plane/control-plane.ts';
import { TokenIssuer } from '../support/control-plane/token-issuer.ts';

const billing = useBillingPlane();
const destination = { scheme: 'https', host: 'api.example.com', port: 443 };

/** A proxy of an agent that acts for `ann`, as this issuer knows her. */
async function actFor(issuer: TokenIssuer): Promise<PolicyClient> {
  const user = EvidenceSubject.EVIDENCE_SUBJECT_USER;
  const client = createPolicyClient({
    address: billing.plane.running.grpcAddress,
    caPem: billing.plane.running.caPem,
    tenant: 'default',
    evidence: async () => [
      await billing.cluster.billingEvidence(),
      { kind: 'oidc', token: Buffer.from(await issuer.sign({ sub: 'ann' }, Date.now())), subject: user },
    ],
  });
  billing.track({ close: () => client.close(2_000) });
  await client.start();
  await client.ready;
  return client;
}

async function ask(client: PolicyClient): Promise<string> {
  const route = client.routes().find((candidate) => candidate.serverWorkload === 'api');
  if (!route) return 'no route';
  const answer = await client.authorize({ destination, method: 'GET', path: '/v1/items', route });
  return answer.kind === 'denial' ? answer.reason : answer.kind;
}

it('one subject at two issuers is two users', async () => {
  const issuers = ['https://staff.test', 'https://customers.test'].map((url) => new TokenIssuer(url));
  await billing.apply(
    ...issuers.map((issuer, at) =>
      resource('TrustProvider', `people-${at}`, {
        type: 'oidc',
        for: 'user',
        issuer: issuer.issuer,
        audience: 'sidekey',
        jwks: { inline: issuer.jwks },
      }),
    ),
  );
  const [staff, customer] = await Promise.all(issuers.map(actFor));
  if (!staff || !customer) throw new Error('no clients');
  const sessions = await billing.plane.rest('GET', '/v1/sessions');
  expect((sessions.body as { sessions: { user: string }[] }).sessions.map(({ user }) => user).sort()).toEqual([
    'https://customers.test#ann',
    'https://staff.test#ann',
  ]);
  expect([await ask(staff), await ask(customer)]).toEqual(['grant', 'grant']);

  await billing.revoke('user', 'https://staff.test#ann');
  await vi.waitFor(async () => expect(await ask(staff)).toBe('user-revoked'), 10_000);
  expect(await ask(customer)).toBe('grant');

  // A bare subject ends that of every issuer, at connected proxies too.
  await billing.revoke('user', 'ann');
  await vi.waitFor(async () => expect(await ask(customer)).toBe('user-revoked'), 10_000);
}, 60_000);
