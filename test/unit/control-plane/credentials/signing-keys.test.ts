import { describe, expect, test } from 'vitest';
import { Issuer } from '../../../../control-plane/credentials/issuer.ts';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { createMemoryKeyStore } from '../../../support/control-plane/memory-key-store.ts';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { ManualClock } from '../../../support/manual-clock.ts';

const HOUR = 3_600_000;

describe('SigningKeyRing', () => {
  test('publishes a key before it signs and keeps the old one until its tokens are gone', async () => {
    const clock = new ManualClock();
    const ring = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    const first = ring.current().id;
    expect(ring.published()).toHaveLength(1);
    clock.advance(23 * HOUR);
    await ring.refresh();
    expect(ring.published()).toHaveLength(2);
    expect(ring.current().id).toBe(first);
    clock.advance(HOUR);
    await ring.refresh();
    const second = ring.current().id;
    expect(second).not.toBe(first);
    expect(ring.find(first)).toBeDefined();
    clock.advance(2 * HOUR);
    await ring.refresh();
    expect(ring.find(first)).toBeUndefined();
    expect(ring.published().map((key) => key.kid)).toEqual([second]);
  });

  test('goes on with the first key when the clock was set back to before it, and says so when all have ended', async () => {
    const clock = new ManualClock();
    const ring = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    const first = ring.current().id;
    clock.advance(-HOUR);
    expect(ring.current().id).toBe(first);
    clock.advance(40 * HOUR);
    expect(() => ring.current()).toThrow('is the clock of this machine right?');
  });

  test('two replicas agree, whoever rotates', async () => {
    const clock = new ManualClock();
    const store = createMemoryKeyStore();
    const [a, b] = await Promise.all([SigningKeyRing.open(store, clock), SigningKeyRing.open(store, clock)]);
    await Promise.all([a.refresh(), b.refresh()]);
    expect(a.current().id).toBe(b.current().id);
    clock.advance(30 * HOUR);
    await Promise.all([a.refresh(), b.refresh()]);
    await Promise.all([a.refresh(), b.refresh()]);
    expect(a.current().id).toBe(b.current().id);
  });

  test('a replica whose clock is years ahead keeps the others neither from their key nor from rotating it', async () => {
    const clock = new ManualClock();
    const store = createMemoryKeyStore();
    const ring = await SigningKeyRing.open(store, clock);
    const first = ring.current().id;
    const { remove } = store;
    // As the store does whose own clock is right.
    store.remove = () => Promise.resolve();
    await SigningKeyRing.open(store, new ManualClock(clock.now() + 10 * 365 * 24 * HOUR));
    store.remove = remove;
    await ring.refresh();
    expect(ring.current().id).toBe(first);
    clock.advance(23 * HOUR);
    await ring.refresh();
    expect(ring.published()).toHaveLength(3);
    clock.advance(HOUR);
    expect(ring.current().id).not.toBe(first);
    expect(ring.current().signsFrom).toBe(clock.now());
  });

  test('a key that is replaced on demand is published before it signs, and not replaced twice', async () => {
    const clock = new ManualClock();
    const ring = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    const old = ring.current().id;
    const signsFrom = await ring.rotateIn(20 * 60_000);
    expect(await ring.rotateIn(20 * 60_000)).toBe(signsFrom);
    expect(ring.published()).toHaveLength(2);
    clock.advance(20 * 60_000 - 1);
    expect(ring.current().id).toBe(old);
    clock.advance(1);
    expect(ring.current().id).not.toBe(old);
    expect(ring.find(old)).toBeDefined();
  });

  test('a key is replaced at once, and verifies on', async () => {
    const clock = new ManualClock();
    const ring = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    const old = ring.current().id;
    clock.advance(1);
    await ring.rotateNow();
    expect(ring.current().id).not.toBe(old);
    expect(ring.find(old)).toBeDefined();
  });

  test('published keys hold no private part', async () => {
    const ring = await SigningKeyRing.open(createMemoryKeyStore(), new ManualClock());
    expect(Object.keys(ring.published()[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(JSON.stringify(await createMemoryKeyStore().load())).not.toContain('PRIVATE');
  });
});

describe('Issuer', () => {
  test('its tokens verify against its published keys, across a rotation', async () => {
    const clock = new ManualClock();
    const ring = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    const issuer = new Issuer({ url: 'https://sidekey.example', keys: ring, clock });
    const before = await issuer.sign('acme', { sub: 'a', aud: 'api' }, 300);
    await ring.rotateNow();
    const after = await issuer.sign('acme', { sub: 'a', aud: 'api' }, 300);
    const keys = createLocalJWKSet({ keys: [...issuer.jwks().keys] });
    for (const { token } of [before, after]) {
      const verified = await jwtVerify(token, keys, {
        issuer: 'https://sidekey.example/tenants/acme',
        audience: 'api',
        currentDate: new Date(clock.now()),
      });
      expect(verified.payload.exp).toBe(after.notAfter / 1000);
    }
  });

  test('its discovery document names itself', async () => {
    const clock = new ManualClock();
    const keys = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    expect(new Issuer({ url: 'https://sidekey.example', keys, clock }).discovery('acme')).toMatchObject({
      issuer: 'https://sidekey.example/tenants/acme',
      jwks_uri: 'https://sidekey.example/.well-known/jwks.json',
    });
    for (const url of ['http://sidekey.example', 'https://sidekey.example/', 'https://sidekey.example?x']) {
      expect(() => new Issuer({ url, keys, clock })).toThrow(/https/);
    }
  });
});
