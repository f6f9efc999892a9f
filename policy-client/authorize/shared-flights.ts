import { BoundedCache } from '../../common/bounded-cache.ts';
import type { Answer } from '../types.ts';

const MAX_SOLO_KEYS = 1_000;

/** Questions in flight by decision tuple, so that the same one is asked once. */
export class SharedFlights {
  readonly #flights = new Map<string, Promise<Answer>>();
  /** Keys whose grants cannot be shared, so that waiting for one another would only queue the callers. */
  readonly #soloKeys = new BoundedCache<string, true>(MAX_SOLO_KEYS);

  /** The flight to wait for, if any. */
  find(key: string): Promise<Answer> | undefined {
    const flight = this.#flights.get(key);
    return flight === undefined || this.#soloKeys.get(key) !== undefined ? undefined : flight;
  }

  add(key: string, flight: Promise<Answer>): void {
    this.#flights.set(key, flight);
    void flight.then(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
  }

  /** The grant for this key served one call only. */
  markSolo(key: string): void {
    this.#soloKeys.set(key, true);
  }
}
