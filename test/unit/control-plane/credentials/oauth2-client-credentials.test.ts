import { beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import type {
  ClientCredentialsSpec,
  CredentialMinter,
  MintContext,
} from '../../../../control-plane/credentials/credential-minter.ts';
import { createClientCredentialsMinter } from '../../../../control-plane/credentials/oauth2-client-credentials.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const URL = 'https://idp.example/token';
const SPEC: ClientCredentialsSpec = {
  type: 'oauth2-client-credentials',
  tokenUrl: URL,
  clientId: 'client:1',
  allowedAddresses: [],
  auth: { method: 'client_secret_basic', clientSecret: new Secret('s%cret +:') },
};
const CONTEXT: MintContext = {
  tenant: 'acme',
  credential: 'orders',
  version: '1',
  workload: 'agent',
  user: undefined,
  serverWorkload: 'orders',
  claims: {},
};

let clock: ManualClock;
let fetcher: FakeFetcher;
let minter: CredentialMinter<ClientCredentialsSpec>;
let issued: number;

beforeEach(() => {
  clock = new ManualClock();
  fetcher = new FakeFetcher();
  issued = 0;
  fetcher.answers.set(URL, () => ({ access_token: `token-${(issued += 1)}`, token_type: 'Bearer', expires_in: 100 }));
  minter = createClientCredentialsMinter({ fetcher, clock, monotonicMs: () => clock.now() });
});

async function mint(change: Partial<MintContext> = {}, spec = SPEC): Promise<string> {
  return (await minter.mint(spec, { ...CONTEXT, ...change })).secret.reveal();
}

describe('client credentials', () => {
  test('one request serves all who wait, and all who come while the token lives', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, () => mint()));
    expect(new Set(tokens)).toEqual(new Set(['token-1']));
    clock.advance(79_000);
    expect(await mint()).toBe('token-1');
    expect(fetcher.asked).toHaveLength(1);
  });

  test('are refreshed early, in the background, once', async () => {
    await mint();
    clock.advance(81_000);
    expect(await Promise.all([mint(), mint(), mint()])).toEqual(['token-1', 'token-1', 'token-1']);
    await new Promise(setImmediate);
    expect(await mint()).toBe('token-2');
    expect(fetcher.asked).toHaveLength(2);
  });

  test('are dropped when they end, and failures forgotten, though the clock was set back meanwhile', async () => {
    let monotonic = 0;
    minter = createClientCredentialsMinter({ fetcher, clock, monotonicMs: () => monotonic });
    await mint();
    fetcher.answers.set(`${URL}/down`, { error: 'invalid_client' });
    const down = { ...SPEC, tokenUrl: `${URL}/down` };
    await expect(mint({ credential: 'down' }, down)).rejects.toThrow();
    clock.advance(-86_400_000);
    expect(await mint()).toBe('token-1');
    monotonic = 96_000;
    expect(await mint()).toBe('token-2');
    await expect(mint({ credential: 'down' }, SPEC)).resolves.toBe('token-3');
  });

  test.each([20, 5, 1])('that live for %s s are handed out as usable at every moment', async (seconds) => {
    fetcher.answers.set(URL, () => ({ access_token: 't', token_type: 'Bearer', expires_in: seconds }));
    for (let step = 0; step < 100; step += 1) {
      const { notAfter } = await minter.mint(SPEC, CONTEXT);
      expect(notAfter).toBeGreaterThan(clock.now());
      expect(notAfter).toBeLessThan(clock.now() + seconds * 1_000);
      clock.advance((seconds * 1_000) / 37);
      await new Promise(setImmediate);
    }
  });

  test('a failed early refresh leaves the old token in use until its end', async () => {
    await mint();
    fetcher.answers.clear();
    clock.advance(81_000);
    expect(await mint()).toBe('token-1');
    await new Promise(setImmediate);
    expect(await mint()).toBe('token-1');
    expect(fetcher.asked).toHaveLength(2);
    clock.advance(15_000);
    await expect(mint()).rejects.toMatchObject({ reason: 'credential-unavailable' });
  });

  test('tenants, credentials, versions, users and audiences do not share tokens', async () => {
    const tokens = [
      await mint(),
      await mint({ tenant: 'other' }),
      await mint({ credential: 'other' }),
      await mint({ version: '2' }),
      await mint({ user: 'ann' }),
      await mint({}, { ...SPEC, audience: 'api' }),
    ];
    expect(new Set(tokens).size).toBe(6);
  });

  test('forgetting drops what is held', async () => {
    await mint();
    await mint({ credential: 'other' });
    minter.forget('acme', 'orders');
    expect(await mint()).toBe('token-3');
    expect(await mint({ credential: 'other' })).toBe('token-2');
    minter.forget('acme');
    expect(await mint({ credential: 'other' })).toBe('token-4');
  });

  test('a failing endpoint is left alone for a moment', async () => {
    fetcher.answers.set(URL, { error: 'invalid_client', error_description: 'secret s%cret is wrong' });
    for (let i = 0; i < 5; i += 1) {
      await expect(mint()).rejects.toThrow('the token endpoint answered with status 400 (invalid_client)');
    }
    expect(fetcher.asked).toHaveLength(1);
    clock.advance(1_001);
    await expect(mint()).rejects.toThrow();
    expect(fetcher.asked).toHaveLength(2);
  });

  test('the client id and secret are form-encoded in Basic (RFC 6749 section 2.3.1)', async () => {
    await mint({}, { ...SPEC, scope: 'a b', audience: 'api' });
    const [request] = fetcher.asked;
    const basic = request?.headers?.['authorization']?.slice('Basic '.length) ?? '';
    expect(Buffer.from(basic, 'base64').toString()).toBe('client%3A1:s%25cret+%2B%3A');
    expect(request?.body).toBe('grant_type=client_credentials&scope=a+b&audience=api');
  });

  test.each([
    ['another type', { access_token: 'a', token_type: 'DPoP', expires_in: 9 }, 'credential-unavailable'],
    ['no type', { access_token: 'a' }, 'credential-unavailable'],
    ['a line break', { access_token: 'a\r\nX: y', token_type: 'Bearer' }, 'credential-invalid'],
    ['no token', { token_type: 'Bearer' }, 'credential-invalid'],
    ['an endless token', { access_token: 'a'.repeat(20_000), token_type: 'Bearer' }, 'credential-invalid'],
    ['a past expiry', { access_token: 'a', token_type: 'Bearer', expires_in: -1 }, 'credential-unavailable'],
    ['no object', ['a'], 'credential-unavailable'],
  ])('an answer with %s is refused', async (_, answer, reason) => {
    fetcher.answers.set(URL, answer);
    await expect(mint()).rejects.toMatchObject({ reason });
  });

  test('errors never repeat the key or what the server said', async () => {
    const spec: ClientCredentialsSpec = {
      ...SPEC,
      auth: { method: 'private_key_jwt', privateKey: new Secret('{"kty":"EC","d":"hush"'), algorithm: 'ES256' },
    };
    const error: unknown = await mint({}, spec).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ reason: 'credential-invalid' });
    expect(`${String(error)}${error instanceof Error ? String(error.cause) : ''}`).not.toContain('hush');
  });
});
