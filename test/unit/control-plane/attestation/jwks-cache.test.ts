import { beforeEach, describe, expect, test, vi } from 'vitest';
import { describeError } from '../../../../common/errors.ts';
import { JwksCache } from '../../../../control-plane/attestation/jwks-cache.ts';
import type { OutboundRequest } from '../../../../control-plane/outbound/https-fetcher.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TokenIssuer } from '../../../support/control-plane/token-issuer.ts';

const ISSUER = 'https://issuer.example';
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const KEYS = `${ISSUER}/keys`;

let clock: ManualClock;
let fetcher: FakeFetcher;
let issuer: TokenIssuer;
let cache: JwksCache;
let errors: unknown[];

beforeEach(() => {
  clock = new ManualClock();
  fetcher = new FakeFetcher();
  issuer = new TokenIssuer(ISSUER);
  fetcher.answers.set(DISCOVERY, { issuer: ISSUER, jwks_uri: KEYS });
  fetcher.answers.set(KEYS, () => issuer.jwks);
  errors = [];
  cache = new JwksCache({ fetcher, monotonicMs: () => clock.now(), onError: (error) => errors.push(error) });
});

function kid(): string {
  return issuer.jwks.keys[0]?.kid ?? '';
}

describe('JwksCache', () => {
  test('discovers once, for many askers at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => cache.keysFor('acme', ISSUER, {}, kid())));
    expect(fetcher.asked.map((request) => request.url)).toEqual([DISCOVERY, KEYS]);
  });

  test('takes the media type of key sets, which an API server of Kubernetes gives to those alone who name it', async () => {
    fetcher.answers.set(KEYS, ({ headers }: OutboundRequest) =>
      headers?.['accept']?.includes('application/jwk-set+json') === true ? issuer.jwks : { error: 'not acceptable' },
    );
    await expect(cache.keysFor('acme', ISSUER, {}, kid())).resolves.toHaveLength(1);
    for (const { headers } of fetcher.asked) expect(headers?.['accept']).toContain('application/json');
  });

  test('no key of a long set is left out', async () => {
    fetcher.answers.set(KEYS, () => ({
      keys: [...Array.from({ length: 200 }, (_, at) => ({ kty: 'EC', kid: `${at}` })), ...issuer.jwks.keys],
    }));
    const keys = await cache.keysFor('acme', ISSUER, {}, kid());
    expect(keys.filter((key) => key.kid === kid())).toHaveLength(1);
  });

  test('a new key is found, but made-up ids do not flood the issuer', async () => {
    await cache.keysFor('acme', ISSUER, {}, kid());
    for (let i = 0; i < 50; i += 1) await cache.keysFor('acme', ISSUER, {}, `made-up-${i}`);
    expect(fetcher.asked.length).toBe(2);
    clock.advance(31_000);
    issuer.rotate();
    const keys = await cache.keysFor('acme', ISSUER, {}, kid());
    expect(keys.map((key) => key.kid)).toEqual([kid()]);
  });

  test('fetches again what is ten minutes old, and nothing that it knows before', async () => {
    fetcher.answers.set(KEYS, { keys: [{ kty: 'RSA', kid: 'other' }, ...issuer.jwks.keys] });
    for (const [afterMs, asked] of [
      [0, 2],
      [31_000, 2],
      [568_000, 2],
      [2_000, 4],
    ] as const) {
      clock.advance(afterMs);
      for (const id of [kid(), undefined]) await cache.keysFor('acme', ISSUER, {}, id);
      expect(fetcher.asked.length).toBe(asked);
    }
  });

  test('serves held keys while the issuer is down, for an hour', async () => {
    await cache.keysFor('acme', ISSUER, {}, kid());
    fetcher.answers.clear();
    clock.advance(3_500_000);
    await expect(cache.keysFor('acme', ISSUER, {}, kid())).resolves.toHaveLength(1);
    clock.advance(200_000);
    await expect(cache.keysFor('acme', ISSUER, {}, kid())).rejects.toMatchObject({
      reason: 'evidence-keys-unavailable',
    });
  });

  test('an issuer that cannot be reached is asked once in a cooldown', async () => {
    fetcher.answers.clear();
    for (let i = 0; i < 5; i += 1) {
      await expect(cache.keysFor('acme', ISSUER, {}, 'k')).rejects.toMatchObject({
        reason: 'evidence-keys-unavailable',
      });
    }
    expect(fetcher.asked.length).toBe(1);
  });

  test('says why keys cannot be fetched, once for each attempt, also while old ones serve', async () => {
    await cache.keysFor('acme', ISSUER, {}, kid());
    fetcher.answers.set(KEYS, { error: 'forbidden' });
    clock.advance(700_000);
    for (let i = 0; i < 5; i += 1) await expect(cache.keysFor('acme', ISSUER, {}, kid())).resolves.toHaveLength(1);
    expect(errors.map(describeError)).toEqual([
      `the keys of ${ISSUER} could not be fetched: the issuer answered with status 400`,
    ]);
    clock.advance(31_000);
    await Promise.all(Array.from({ length: 5 }, () => cache.keysFor('acme', ISSUER, {}, kid())));
    expect(errors).toHaveLength(2);
  });

  test('refuses a discovery document of another issuer, and keys that are no set', async () => {
    fetcher.answers.set(DISCOVERY, { issuer: `${ISSUER}/`, jwks_uri: KEYS });
    await expect(cache.keysFor('acme', ISSUER, {}, 'k')).rejects.toMatchObject({ reason: 'evidence-keys-unavailable' });
    fetcher.answers.set('https://keys.example', { keys: 'none' });
    const source = { jwks: { url: 'https://keys.example' } };
    await expect(cache.keysFor('acme', ISSUER, source, 'k')).rejects.toMatchObject({
      reason: 'evidence-keys-unavailable',
    });
    expect(errors.map(describeError)).toEqual([
      `the keys of ${ISSUER} could not be fetched: the discovery document is not that of the issuer`,
      `the keys of ${ISSUER} could not be fetched: the issuer's key set is malformed`,
    ]);
  });

  test('symmetric keys are never taken', async () => {
    const inline = { keys: [{ kty: 'oct', k: 'AAAA' }, ...issuer.jwks.keys] };
    const keys = await cache.keysFor('acme', ISSUER, { jwks: { inline } }, undefined);
    expect(keys.map((key) => key.kty)).toEqual(['EC']);
  });

  test('sources are kept apart', async () => {
    fetcher.answers.set('https://a.example', { keys: [{ kty: 'EC', kid: 'a' }] });
    fetcher.answers.set('https://b.example', { keys: [{ kty: 'EC', kid: 'b' }] });
    const a = await cache.keysFor('acme', ISSUER, { jwks: { url: 'https://a.example' } }, 'a');
    const b = await cache.keysFor('acme', ISSUER, { jwks: { url: 'https://b.example' } }, 'b');
    expect([a[0]?.kid, b[0]?.kid]).toEqual(['a', 'b']);
    // What one tenant lets through or trusts in addition must not fetch for another.
    for (const more of [{ ca: 'PEM' }, { allowedAddresses: ['10.0.0.0/8'] }]) {
      await cache.keysFor('acme', ISSUER, { jwks: { url: 'https://a.example' }, ...more }, 'a');
      expect(fetcher.asked.at(-1)).toMatchObject({ url: 'https://a.example', ...more });
    }
  });

  test("one tenant pushes out none of another's keys, and uses up none of its fetches", async () => {
    await cache.keysFor('acme', ISSUER, {}, kid());
    for (let i = 0; i < 300; i += 1) {
      const url = `https://${i}.neighbour.example`;
      fetcher.answers.set(url, { keys: [] });
      await cache.keysFor('neighbour', ISSUER, { jwks: { url } }, undefined);
    }
    const before = fetcher.asked.length;
    await cache.keysFor('acme', ISSUER, {}, kid());
    expect(fetcher.asked.length).toBe(before);
    clock.advance(31_000);
    await cache.keysFor('neighbour', ISSUER, {}, 'made-up');
    issuer.rotate();
    const keys = await cache.keysFor('acme', ISSUER, {}, kid());
    expect(keys.map((key) => key.kid)).toEqual([kid()]);
  });

  test('goes by a clock that nobody sets: a wrong one that is put right leaves no old key in force', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: clock.now() + 365 * 86_400_000 });
    try {
      cache = new JwksCache({ fetcher, cooldownMs: 0, freshMs: 0 });
      const old = kid();
      await cache.keysFor('acme', ISSUER, {}, old);
      vi.setSystemTime(clock.now());
      issuer.rotate();
      for (const sought of [old, kid()]) {
        const keys = await cache.keysFor('acme', ISSUER, {}, sought);
        expect(keys.map((key) => key.kid)).toEqual([kid()]);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  test('holds no more issuers of a tenant than it may', async () => {
    cache = new JwksCache({ fetcher, monotonicMs: () => clock.now(), maxIssuers: 2 });
    const sources = [1, 2, 3].map((at) => ({ jwks: { url: `https://${at}.example` } }));
    for (const { jwks } of sources) fetcher.answers.set(jwks.url, { keys: [] });
    for (const source of [...sources, ...sources.slice(1)]) await cache.keysFor('acme', ISSUER, source, undefined);
    expect(fetcher.asked).toHaveLength(3);
    await cache.keysFor('acme', ISSUER, { jwks: { url: 'https://1.example' } }, undefined);
    expect(fetcher.asked).toHaveLength(4);
  });
});
