import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createRenewingAuthority } from '../../../../proxy/intercept/renewing-authority.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

const rootsOf = (pem: string): string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

describe('a local authority that is renewed', () => {
  it('shows the next root at half of its life, and signs with it only when the first one ends', () => {
    const clock = new ManualClock(START);
    const authority = createRenewingAuthority(clock);
    const [first = ''] = rootsOf(authority.rootPem);
    const firstEnd = authority.notAfter;
    expect(firstEnd - START).toBe(7 * DAY);
    clock.advance(3 * DAY);
    expect(rootsOf(authority.rootPem)).toEqual([first]);
    clock.advance(DAY);
    const both = rootsOf(authority.rootPem);
    expect(both[0]).toBe(first);
    expect(both).toHaveLength(2);
    // An agent that read the first root alone is served still.
    clock.advance(2 * DAY);
    authority.secureContextFor('api.example.com');
    expect(authority.notAfter).toBe(firstEnd);
    clock.advance(DAY - 1_000);
    authority.secureContextFor('api.example.com');
    expect(rootsOf(authority.rootPem)[0]).toBe(both[1]);
    expect(authority.notAfter).toBeGreaterThan(firstEnd);
  });

  it('goes on for a year, with two roots to show at most', () => {
    const clock = new ManualClock(START);
    const authority = createRenewingAuthority(clock);
    const seen = new Set<string>();
    for (let day = 0; day < 365; day += 1) {
      clock.advance(DAY);
      authority.secureContextFor('api.example.com');
      const roots = rootsOf(authority.rootPem);
      expect(roots.length).toBeLessThanOrEqual(2);
      for (const root of roots) seen.add(root);
      expect(new Date(new X509Certificate(roots[0] ?? '').validTo).getTime()).toBeGreaterThan(clock.now());
    }
    expect(seen.size).toBeGreaterThan(50);
  });

  it('is made anew after a standstill that outlasted both roots', () => {
    const clock = new ManualClock(START);
    const authority = createRenewingAuthority(clock);
    clock.advance(5 * DAY);
    expect(rootsOf(authority.rootPem)).toHaveLength(2);
    clock.advance(60 * DAY);
    authority.secureContextFor('api.example.com');
    expect(authority.notAfter).toBeGreaterThan(clock.now());
  });
});
