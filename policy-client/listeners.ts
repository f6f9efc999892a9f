import { describeError } from '../common/errors.ts';
import type { PolicyClientLog, Unsubscribe } from './types.ts';

/** Who wants to hear of something. One listener's error does not keep the news from the others. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly #log: PolicyClientLog;

  constructor(log: PolicyClientLog) {
    this.#log = log;
  }

  add(listener: (value: T) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#log.error({ error: describeError(error) }, 'a listener failed');
      }
    }
  }
}
