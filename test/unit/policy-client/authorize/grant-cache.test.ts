import { describe, expect, it } from 'vitest';
import { GrantCache, type Validity } from '../../../../policy-client/authorize/grant-cache.ts';
import { Grant } from '../../../../proto/gen/sidekey/v1/grant.ts';

const grant = Grant.fromPartial({ id: 'g1' });

const DENIAL = {
  kind: 'denial',
  reason: 'no-policy',
  message: '',
  accessPolicy: undefined,
  fromCache: false,
} as const;

function validity(changes: Partial<Validity> = {}): Validity {
  return {
    leaseEndsMonotonicMs: 100,
    leaseEndsWallMs: 1_100,
    staleEndsMonotonicMs: 200,
    staleEndsWallMs: 1_200,
    maxUses: Number.POSITIVE_INFINITY,
    ...changes,
  };
}

function cacheWith(changes: Partial<Validity> = {}): GrantCache {
  const cache = new GrantCache(3);
  cache.putGrant('k', grant, validity(changes));
  return cache;
}

describe('GrantCache', () => {
  it.each([
    ['within the lease', 99, 1_099, false, 'fresh'],
    ['within the lease, away', 99, 1_099, true, 'fresh'],
    ['at the end of the lease', 100, 1_099, false, 'none'],
    ['at the end of the lease by the wall clock alone', 0, 1_100, false, 'none'],
    ['after the lease, away', 199, 1_199, true, 'stale'],
    ['after the stale age', 200, 1_199, true, 'none'],
    ['after the stale age by the wall clock alone', 0, 1_200, true, 'none'],
    ['with the wall clock set back', 100, 5, false, 'none'],
  ] as const)('%s', (_when, monotonicMs, wallMs, away, expected) => {
    const answer = cacheWith().take('k', monotonicMs, wallMs, away);
    const got = answer?.kind === 'grant' ? (answer.stale ? 'stale' : 'fresh') : 'none';
    expect(got).toBe(expected);
  });

  it('hands out grants that end with the time they are held for', () => {
    const cache = new GrantCache(3);
    const long = Grant.fromPartial({ id: 'g1', notAfter: new Date(9_999), cacheLease: { seconds: 30, nanos: 0 } });
    cache.putGrant('k', long, validity());
    const end = (monotonicMs: number, wallMs: number, away: boolean): number | undefined => {
      const answer = cache.take('k', monotonicMs, wallMs, away);
      return answer?.kind === 'grant' ? answer.grant.notAfter?.getTime() : undefined;
    };
    expect(end(99, 1_099, false)).toBe(1_100);
    expect(end(150, 1_150, true)).toBe(1_200);
    expect(long.notAfter).toEqual(new Date(9_999));
    cache.putGrant('k', Grant.fromPartial({ id: 'g1', notAfter: new Date(1_050) }), validity());
    expect(end(0, 1_000, false)).toBe(1_050);
  });

  it('serves as often as it may', () => {
    const cache = cacheWith({ maxUses: 2 });
    expect([1, 2, 3].map(() => cache.take('k', 0, 0, false) !== undefined)).toEqual([true, true, false]);
    expect(cache.size).toBe(0);
  });

  it('counts stale uses with the others', () => {
    const cache = cacheWith({ maxUses: 3 });
    const served = [50, 150, 160, 170].map((at) => cache.take('k', at, 0, true) !== undefined);
    expect(served).toEqual([true, true, true, false]);
  });

  it('holds no more than its bound and spares what was used', () => {
    const cache = new GrantCache(3);
    for (const key of ['a', 'b', 'c']) cache.putGrant(key, grant, validity());
    cache.take('a', 0, 0, false);
    for (const key of ['d', 'e']) cache.putGrant(key, grant, validity());
    expect(cache.size).toBe(3);
    expect(cache.take('a', 0, 0, false)).toBeDefined();
    expect(cache.take('b', 0, 0, false)).toBeUndefined();
  });

  it('stays within its bound when everything was used', () => {
    const cache = new GrantCache(3);
    for (let index = 0; index < 100; index += 1) {
      cache.putGrant(`${index}`, grant, validity());
      cache.take(`${index}`, 0, 0, false);
    }
    expect(cache.size).toBe(3);
  });

  it('drops grants and denials apart', () => {
    const cache = cacheWith();
    cache.putDenial('d', DENIAL, validity());
    expect(cache.take('d', 0, 0, false)).toMatchObject({ reason: 'no-policy', fromCache: true });
    cache.dropDenials();
    expect(cache.take('d', 0, 0, false)).toBeUndefined();
    expect(cache.dropGrants(({ id }) => id === 'other')).toBe(0);
    expect(cache.dropGrants(({ id }) => id === 'g1')).toBe(1);
    expect(cache.size).toBe(0);
  });

  it('says of each answer that it is held, and of a late one that it is stale', () => {
    const cache = cacheWith();
    expect(cache.take('k', 0, 0, false)).toMatchObject({ fromCache: true, stale: false });
    expect(cache.take('k', 150, 1_150, true)).toMatchObject({ fromCache: true, stale: true });
  });

  it('repeats no denial after its lease, and holds nothing that is over', () => {
    const cache = cacheWith();
    cache.putDenial('d', DENIAL, validity());
    expect(cache.take('d', 150, 1_150, true)).toBeUndefined();
    for (const key of ['d', 'k']) expect(cache.take(key, 200, 1_200, true)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('makes no room for what is there already', () => {
    const cache = new GrantCache(2);
    for (const key of ['a', 'b', 'b']) cache.putGrant(key, grant, validity());
    expect(cache.take('a', 0, 0, false)).toBeDefined();
  });

  it('spares what was used while it was stale', () => {
    const cache = new GrantCache(2);
    for (const key of ['a', 'b']) cache.putGrant(key, grant, validity());
    cache.take('a', 150, 1_150, true);
    cache.putGrant('c', grant, validity());
    expect(cache.take('a', 0, 0, false)).toBeDefined();
  });

  it('tells by its era that denials were dropped, also those that are yet to come', () => {
    const cache = new GrantCache(3);
    const eras = [cache.denialEra];
    for (let time = 0; time < 2; time += 1) {
      cache.dropDenials();
      eras.push(cache.denialEra);
    }
    expect(eras).toEqual([0, 1, 2]);
  });

  it('asks about grants alone which to drop, and forgets all when told so', () => {
    const cache = cacheWith();
    cache.putDenial('d', DENIAL, validity());
    expect(cache.dropGrants(() => true)).toBe(1);
    expect(cache.size).toBe(1);
    cache.clear();
    expect(cache.size).toBe(0);
  });
});
