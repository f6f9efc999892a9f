import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Alarm } from '../../../policy-client/attest/alarm.ts';
import { Backoff } from '../../../policy-client/backoff.ts';
import { denialReason } from '../../../policy-client/denial.ts';
import { durationMs } from '../../../policy-client/durations.ts';
import { ProofMaker } from '../../../policy-client/attest/proof.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { checkProof } from '../../fakes/dpop.ts';

describe('Backoff', () => {
  it('waits at random below a bound that doubles up to its end', () => {
    const longest = new Backoff(100, 1_000, () => 1);
    expect([1, 2, 3, 4, 5, 6].map(() => longest.nextMs())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    longest.reset();
    expect(longest.nextMs()).toBe(100);
    longest.lengthen();
    expect(longest.nextMs()).toBe(1_000);
    const shortest = new Backoff(100, 1_000, () => 0);
    expect([1, 2].map(() => shortest.nextMs())).toEqual([10, 10]);
  });
});

describe('durationMs', () => {
  it.each([
    [undefined, 0],
    [{ seconds: 1, nanos: 500_000_000 }, 1_500],
    [{ seconds: -1, nanos: 0 }, 0],
    [{ seconds: Number.NaN, nanos: 0 }, 0],
  ])('%j is %s', (duration, ms) => expect(durationMs(duration)).toBe(ms));
});

describe('denialReason', () => {
  it('never reads as an allowance', () => {
    expect(denialReason(REASONS.ok.number)).toBe('internal-error');
    expect(denialReason(9_999)).toBe('internal-error');
    expect(denialReason(REASONS['no-policy'].number)).toBe('no-policy');
  });
});

describe('Alarm', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Whether one who waits from now on for a minute is woken by this. */
  async function wakes(alarm: Alarm, run: () => unknown): Promise<boolean> {
    let isOver = false;
    void alarm.wait(60_000).then(() => (isOver = true));
    await run();
    await vi.advanceTimersByTimeAsync(0);
    return isOver;
  }

  it('wakes who waits, and remembers one ring for the next who does', async () => {
    const alarm = new Alarm();
    expect(await wakes(alarm, () => {})).toBe(false);
    const other = new Alarm();
    expect(await wakes(other, () => other.ring())).toBe(true);
    for (let time = 0; time < 2; time += 1) other.ring();
    expect(await wakes(other, () => {})).toBe(true);
    expect(await wakes(other, () => {})).toBe(false);
  });

  it('forgets a ring that nobody waited for', async () => {
    const alarm = new Alarm();
    alarm.ring();
    alarm.clear();
    expect(await wakes(alarm, () => {})).toBe(false);
  });

  it('wakes after its time, and for that remembers no ring', async () => {
    const alarm = new Alarm();
    expect(await wakes(alarm, () => vi.advanceTimersByTimeAsync(60_000))).toBe(true);
    expect(await wakes(alarm, () => vi.advanceTimersByTimeAsync(59_999))).toBe(false);
  });
});

describe('ProofMaker', () => {
  it('proves one call with one token, once', () => {
    const maker = new ProofMaker();
    const proof = maker.make('/a', 'token', Date.now());
    const seen = new Set<string>();
    expect(checkProof(proof, maker.publicKeyDer, '/a', 'token', seen)).toBeUndefined();
    expect(checkProof(proof, maker.publicKeyDer, '/a', 'token', seen)).toBe('proof-replayed');
    expect(checkProof(proof, maker.publicKeyDer, '/b', 'token', new Set())).toBe('session-invalid');
    expect(checkProof(proof, maker.publicKeyDer, '/a', 'other', new Set())).toBe('session-invalid');
    expect(checkProof(proof, new ProofMaker().publicKeyDer, '/a', 'token', new Set())).toBe('session-invalid');
  });

  it('hides the token and has no private part in its header', () => {
    const [header = '', payload = ''] = new ProofMaker().make('/a', 'token', 1_000).split('.');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const head: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
    const ath = createHash('sha256').update('token').digest('base64url');
    expect(claims).toMatchObject({ htm: 'POST', htu: '/a', iat: 1, ath });
    expect(Object.keys(Object((head as { jwk: unknown }).jwk))).toEqual(['kty', 'crv', 'x', 'y']);
  });
});
