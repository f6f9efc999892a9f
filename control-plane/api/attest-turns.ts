import { Turns } from '../../common/turns.ts';
import { Refusal } from './refusal.ts';

export interface AttestTurnsLimits {
  readonly maxAtOnce: number;
  readonly maxWaiting: number;
  readonly maxHoldMs: number;
}

const LIMITS: AttestTurnsLimits = {
  // Those at work share one thread and one database: the more there are, the later the first of them is done.
  maxAtOnce: 16,
  // Fewer than can be served within the ten seconds that a proxy waits, on a slow machine too.
  maxWaiting: 128,
  // What waits for longer waits for the network: an issuer that does not answer must not keep the others out.
  maxHoldMs: 2_000,
};

/**
 * Attestations in the order they came, few at a time. Were all worked on together, each would take as long as all: when
 * a thousand proxies start at once, none is answered before it has given up and asks again.
 */
export class AttestTurns {
  readonly #limits: AttestTurnsLimits;
  readonly #turns: Turns;
  #waiting = 0;

  constructor(limits: AttestTurnsLimits = LIMITS) {
    this.#limits = limits;
    this.#turns = new Turns(limits.maxAtOnce);
  }

  /** Runs the task in its turn; not at all for a caller that has gone by then. Throws Refusal `overloaded`, and what the task throws. */
  run<T>(call: { readonly cancelled: boolean }, task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#limits.maxWaiting) {
      return Promise.reject(new Refusal('overloaded', 'too many proxies attest at once'));
    }
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      void this.#turns.run(async () => {
        this.#waiting -= 1;
        if (call.cancelled) return reject(new Refusal('overloaded', 'the proxy has given up'));
        const done = task();
        done.then(resolve, reject);
        await this.#held(done);
      });
    });
  }

  /** Until the task is done, or has held its turn for long enough. */
  #held(done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#limits.maxHoldMs);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      done.then(end, end);
    });
  }
}
