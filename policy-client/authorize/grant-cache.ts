import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import type { Answer, DenialAnswer, GrantAnswer } from '../types.ts';

/** How long an answer may serve. Wall times bound what a stopped process missed, monotonic ones a clock set back. */
export interface Validity {
  readonly leaseEndsMonotonicMs: number;
  readonly leaseEndsWallMs: number;
  /** After the lease, while the control plane is away; never beyond the grant's or the session's own end. */
  readonly staleEndsMonotonicMs: number;
  readonly staleEndsWallMs: number;
  /** Number.POSITIVE_INFINITY for no limit. */
  readonly maxUses: number;
}

interface Entry {
  readonly answer: Answer;
  readonly staleAnswer: GrantAnswer | undefined;
  readonly validity: Validity;
  usesLeft: number;
  recent: boolean;
}

/**
 * Answers by whole decision tuple, bounded. A hit allocates nothing: it hands out the answer object made when the entry
 * was. Eviction is second chance, which spares a hit the reordering of an LRU list.
 */
export class GrantCache {
  readonly #entries = new Map<string, Entry>();
  readonly #maxEntries: number;
  /** Rises with each event that may turn a denial into something else. */
  denialEra = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * A held answer that may serve now, and counts the use.
   * @param away - The control plane cannot be reached, so that fail mode `stale` counts.
   */
  take(key: string, nowMonotonicMs: number, nowWallMs: number, away: boolean): Answer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const { validity } = entry;
    if (entry.usesLeft <= 0) {
      this.#entries.delete(key);
      return undefined;
    }
    if (nowMonotonicMs < validity.leaseEndsMonotonicMs && nowWallMs < validity.leaseEndsWallMs) {
      entry.usesLeft -= 1;
      entry.recent = true;
      return entry.answer;
    }
    if (nowMonotonicMs >= validity.staleEndsMonotonicMs || nowWallMs >= validity.staleEndsWallMs) {
      this.#entries.delete(key);
      return undefined;
    }
    if (!away || entry.staleAnswer === undefined) return undefined;
    entry.usesLeft -= 1;
    entry.recent = true;
    return entry.staleAnswer;
  }

  /**
   * Gives the grant as it is handed out from now on: it ends with the time that it is held for, so that what goes on under
   * it, such as a stream, is asked about then and not a whole lease after the last use.
   */
  putGrant(key: string, grant: Grant, validity: Validity): Grant {
    const held = endingAt(grant, validity.leaseEndsWallMs);
    const stale = endingAt(grant, validity.staleEndsWallMs);
    this.#put(
      key,
      { kind: 'grant', grant: held, fromCache: true, stale: false },
      { kind: 'grant', grant: stale, fromCache: true, stale: true },
      validity,
    );
    return held;
  }

  putDenial(key: string, denial: DenialAnswer, validity: Validity): void {
    this.#put(key, { ...denial, fromCache: true }, undefined, validity);
  }

  #put(key: string, answer: Answer, staleAnswer: GrantAnswer | undefined, validity: Validity): void {
    if (this.#entries.size >= this.#maxEntries && !this.#entries.has(key)) this.#evict();
    this.#entries.set(key, { answer, staleAnswer, validity, usesLeft: validity.maxUses, recent: false });
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      if (!entry.recent) return;
      entry.recent = false;
      this.#entries.set(key, entry);
    }
  }

  /** Drops the grants for which `test` answers true; returns how many. Denials stay. */
  dropGrants(test: (grant: Grant) => boolean): number {
    let dropped = 0;
    for (const [key, { answer }] of this.#entries) {
      if (answer.kind === 'grant' && test(answer.grant) && this.#entries.delete(key)) dropped += 1;
    }
    return dropped;
  }

  /** Denials rest on a policy version and on revocations, but name neither, so any change drops them all. */
  dropDenials(): void {
    this.denialEra += 1;
    for (const [key, { answer }] of this.#entries) if (answer.kind === 'denial') this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** A second grant object over the same injection, which keeps its mask. */
function endingAt(grant: Grant, wallMs: number): Grant {
  const end = Math.min(grant.notAfter?.getTime() ?? wallMs, wallMs);
  return { ...grant, notAfter: new Date(end) };
}
