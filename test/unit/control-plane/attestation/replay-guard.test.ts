import { expect, test } from 'vitest';
import { ReplayGuard } from '../../../../control-plane/attestation/replay-guard.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('a full guard looks for what has expired once a second at most', () => {
  const clock = new ManualClock();
  const guard = new ReplayGuard(clock, 2, 2);
  const begin = clock.now();
  guard.use('t', 'a', 'first', begin + 100);
  guard.use('t', 'b', 'second', begin + 400);
  // This one looks, and finds nothing.
  expect(guard.use('t', 'c', 'third', begin + 5_000)).toBe('full');
  clock.advance(999);
  expect(guard.use('t', 'c', 'third', begin + 5_000)).toBe('full');
  clock.advance(1);
  expect(guard.use('t', 'c', 'third', begin + 5_000)).toBe('fresh');
  expect(guard.size).toBe(1);
});

test('one key fills it for itself alone, and an id is remembered up to its end', () => {
  const clock = new ManualClock();
  const guard = new ReplayGuard(clock, 100, 2);
  const use = (key: string, id: string) => guard.use('t', key, id, clock.now() + 1_500);
  expect(['1', '1', '2', '3'].map((id) => use('a', id))).toEqual(['fresh', 'replayed', 'fresh', 'full']);
  expect(use('b', '1')).toBe('fresh');
  clock.advance(1_500);
  expect([guard.has('a', '1'), guard.has('a', '3')]).toEqual([true, false]);
  clock.advance(1);
  expect([guard.has('a', '1'), use('b', '1'), guard.size]).toEqual([false, 'fresh', 3]);
  expect([use('a', '3'), guard.size]).toEqual(['fresh', 2]);
});

test('a tenant with many keys fills it for itself alone, and what others use meanwhile is bounded too', () => {
  const clock = new ManualClock();
  const guard = new ReplayGuard(clock, 8, 2);
  const use = (tenant: string, key: string, id: string) =>
    guard.use(tenant, `${tenant}-${key}`, id, clock.now() + 1_000);
  const flood = (tenant: string) =>
    Array.from({ length: 20 }, (_, at) => use(tenant, String(at), 'id')).filter((outcome) => outcome === 'fresh')
      .length;
  expect(flood('loud')).toBe(8);
  // Half of it is the other's by right.
  expect(flood('second')).toBe(4);
  expect(use('loud', 'another', 'id')).toBe('full');
  // What was used is remembered all the same.
  expect(use('loud', '0', 'id')).toBe('replayed');
  expect(flood('third')).toBe(3);
  for (let at = 0; at < 20; at += 1) flood(`tenant ${at}`);
  expect(guard.size).toBe(16);
  clock.advance(1_001);
  expect(use('quiet', 'one', 'id')).toBe('fresh');
  expect(flood('loud')).toBe(7);
  // Those whose ids have all ended share in nothing.
  expect(flood('second')).toBe(3);
});

test('a clock that is set back leaves room for what is used then', () => {
  const clock = new ManualClock();
  const guard = new ReplayGuard(clock, 8, 2);
  const use = (key: string) => guard.use('t', key, 'id', clock.now() + 100);
  clock.advance(86_400_000);
  for (let at = 0; at < 8; at += 1) use(`ahead ${at}`);
  clock.advance(101);
  expect(use('last ahead')).toBe('fresh');
  clock.advance(-86_400_000);
  for (let at = 0; at < 50; at += 1) {
    clock.advance(101);
    expect(use(`right ${at}`)).toBe('fresh');
    clock.advance(1_000);
  }
});
