import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import { Sealer, SealingError, sealingKey } from '../../../../control-plane/store/sealing.ts';

const first = sealingKey(randomBytes(32));
const second = sealingKey(randomBytes(32));
const sealer = new Sealer({ current: first, older: [] });

it('opens what it sealed, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, context) => {
      const opened = sealer.open(sealer.seal(new Secret(bytes), context), context);
      expect(opened.revealBytes().equals(Buffer.from(bytes))).toBe(true);
    }),
  );
});

it('never seals the same value to the same bytes', () => {
  const value = new Secret('hunter2');
  const a = sealer.seal(value, 'c');
  expect(a.equals(sealer.seal(value, 'c'))).toBe(false);
  expect(a.includes('hunter2')).toBe(false);
});

it('refuses another context', () => {
  const sealed = sealer.seal(new Secret('x'), 'sealed_secrets\0acme\0key');
  expect(() => sealer.open(sealed, 'sealed_secrets\0globex\0key')).toThrow(SealingError);
});

it('refuses every changed bit and every truncation', () => {
  const sealed = sealer.seal(new Secret('hunter2'), 'c');
  for (let at = 0; at < sealed.length; at += 1) {
    const bent = Buffer.from(sealed);
    bent.writeUInt8(bent.readUInt8(at) ^ 1, at);
    expect(() => sealer.open(bent, 'c')).toThrow(SealingError);
    expect(() => sealer.open(sealed.subarray(0, at), 'c')).toThrow(SealingError);
  }
  expect(() => sealer.open(Buffer.concat([sealed, Buffer.of(0)]), 'c')).toThrow(SealingError);
});

it('opens with older keys, reseals under the current one, and then needs no other', () => {
  const sealed = sealer.seal(new Secret('hunter2'), 'c');
  const both = new Sealer({ current: second, older: [first] });
  expect(both.open(sealed, 'c').reveal()).toBe('hunter2');
  const resealed = both.reseal(sealed, 'c');
  expect(resealed && new Sealer({ current: second, older: [] }).open(resealed, 'c').reveal()).toBe('hunter2');
  expect(resealed && both.reseal(resealed, 'c')).toBeUndefined();
  expect(() => new Sealer({ current: second, older: [] }).open(sealed, 'c')).toThrow(/does not have/);
});

it('opens what earlier releases stored', () => {
  const stored =
    'AUuwb45OOncVTY475uYnNj/CZpXahKy0XzU1QOB3lcUI9RyMJVedFhnjcXw6WE3ZU9h8LWh898WGiwTIxw1yHxJCFg5UE3HNMxN6G86TWEz4ELeXqaeheql+TkoTXPECK4Z5/zYz6Wo=';
  const then = new Sealer({ current: sealingKey(Buffer.alloc(32, 7)), older: [] });
  expect(then.open(Buffer.from(stored, 'base64'), 'sealed_secrets\0acme\0key').reveal()).toBe('hunter2');
});

it('works with the keys it is given later: a new one seals, and what it has no more opens nothing', () => {
  const one = new Sealer({ current: first, older: [] });
  const sealed = one.seal(new Secret('hunter2'), 'c');
  one.adopt({ current: second, older: [first] });
  expect(one.keyId).toBe(second.id);
  expect(one.open(sealed, 'c').reveal()).toBe('hunter2');
  const next = one.seal(new Secret('x'), 'c');
  expect(new Sealer({ current: second, older: [] }).open(next, 'c').reveal()).toBe('x');
  one.adopt({ current: second, older: [] });
  expect(() => one.open(sealed, 'c')).toThrow(/does not have/);
  expect(() => one.assertHas(second.id)).not.toThrow();
  expect(() => one.assertHas(first.id)).toThrow(SealingError);
});

it('takes keys of 32 bytes alone', () => {
  for (const length of [0, 16, 31, 33]) expect(() => sealingKey(randomBytes(length))).toThrow(/32 bytes/);
});
