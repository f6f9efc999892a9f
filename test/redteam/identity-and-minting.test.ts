import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { reasonFromNumber } from '../../proto/reasons.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';
import { resource } from '../support/control-plane/control-plane.ts';
import { type HttpsServer, startHttpsServer } from '../support/upstreams/https-server.ts';

const MINTED = { scheme: 'https', host: 'minted.example.com', port: 443 };
const ASK = {
  destination: MINTED,
  http: { method: 'GET', path: '/v1/items', query: '', headers: [], inspected: undefined },
};

describe('identity and minting, attacked from a proxy that speaks to the control plane itself', () => {
  const billing = useBillingPlane();
  let issued = 0;
  let endpoint: HttpsServer | undefined;

  beforeAll(async () => {
    endpoint = await startHttpsServer(() => (_request, answer) => {
      issued += 1;
      // Slow enough for questions to meet.
      setTimeout(() => {
        answer.writeHead(200, { 'content-type': 'application/json' });
        answer.end(JSON.stringify({ access_token: `token-${issued}`, token_type: 'Bearer', expires_in: 300 }));
      }, 300);
    });
    const applied = await billing.apply(
      resource('ServerWorkload', 'minted', { hosts: [MINTED.host] }),
      resource('AccessCondition', 'never', { type: 'cel', expression: 'false' }),
      resource('CredentialProvider', 'oauth', {
        type: 'oauth2-client-credentials',
        tokenUrl: `https://localhost:${endpoint.port}/token`,
        clientId: 'me',
        auth: { method: 'client_secret_post', clientSecret: { value: 'a client secret' } },
        ca: endpoint.caPem,
        allowedAddresses: ['127.0.0.1/32', '::1/128'],
      }),
      resource('AccessPolicy', 'mint', {
        clientWorkload: 'billing',
        serverWorkload: 'minted',
        rules: [{ methods: ['GET'], paths: ['/v1/**'] }],
        credentials: [{ provider: 'oauth', inject: { type: 'bearer' } }],
        leaseSeconds: 0,
      }),
      resource('AccessPolicy', 'mint-never', {
        clientWorkload: 'billing',
        serverWorkload: 'minted',
        conditions: ['never'],
        rules: [{ methods: ['POST'], paths: ['/v1/**'] }],
        credentials: [{ provider: 'oauth', inject: { type: 'bearer' } }],
      }),
    );
    expect(applied.status).toBe(200);
  }, 120_000);
  afterAll(() => endpoint?.close());

  test('A-32: names that a caller gives itself, in metadata, headers or facts, are not who it is', async () => {
    const one = await billing.attested();
    const metadata = one.metadata('authorize');
    for (const [name, value] of [
      ['sidekey-workload', 'admin'],
      ['sidekey-tenant', 'other'],
      ['x-forwarded-for', '10.0.0.1'],
      ['x-forwarded-user', 'root'],
      ['x-actor', 'admin'],
    ] as const)
      metadata.set(name, value);
    const headers = ['sidekey-workload', 'x-forwarded-user', 'x-sidekey-actor', 'forwarded'].map((name) => ({
      name,
      value: 'admin',
    }));
    const { outcome } = await one.ask(
      { ...QUESTION, http: { method: 'GET', path: '/v1/items', query: '', headers, inspected: undefined } },
      metadata,
    );
    expect(outcome).toMatchObject({
      $case: 'grant',
      value: { binding: { workloads: ['billing'], user: '', sessionId: one.session?.sessionId } },
    });
  });

  test('A-48: what is denied, by whichever step, has no credential minted for it', async () => {
    const one = await billing.attested();
    const reasonOf = async (question: object): Promise<string | undefined> => {
      const { outcome } = await one.ask(question);
      return outcome?.$case === 'denial' ? reasonFromNumber(outcome.value.reason) : outcome?.$case;
    };
    const before = issued;
    expect(await reasonOf({ ...ASK, http: { ...ASK.http, method: 'DELETE' } })).toBe('rule-denied');
    expect(await reasonOf({ ...ASK, http: { ...ASK.http, path: '/v2' } })).toBe('rule-denied');
    expect(await reasonOf({ ...ASK, http: { ...ASK.http, method: 'POST' } })).toBe('condition-failed');
    expect(await reasonOf({ ...ASK, destination: { ...MINTED, scheme: 'http' } })).toBe('cleartext-refused');
    await billing.revoke('credential', 'oauth');
    await vi.waitFor(async () => expect(await reasonOf(ASK)).toBe('credential-revoked'), { timeout: 5_000 });
    expect(issued).toBe(before);
    await billing.lift('credential', 'oauth');
    await vi.waitFor(async () => expect(await reasonOf(ASK)).toBe('grant'), { timeout: 5_000 });
    expect(issued).toBe(before + 1);
  });

  test('A-51: many questions at once make one credential', async () => {
    await billing.revoke('credential', 'oauth');
    await billing.lift('credential', 'oauth');
    const proxies = await Promise.all(Array.from({ length: 4 }, () => billing.attested()));
    const before = issued;
    const answers = await Promise.all(proxies.flatMap((one) => [one.ask(ASK), one.ask(ASK), one.ask(ASK)]));
    expect(answers.every(({ outcome }) => outcome?.$case === 'grant')).toBe(true);
    expect(issued - before).toBeLessThanOrEqual(1);
  });
});
