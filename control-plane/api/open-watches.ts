import { Refusal } from './refusal.ts';
import type { WatchStream } from './watch.ts';

/** One that lost its connection without a word may open others before the old ones are noticed to be gone. */
const MAX_OF_SESSION = 8;

/** The watches that are open, few of each session: every change of policy costs a snapshot for each of them. */
export class OpenWatches {
  readonly #bySession = new Map<string, Set<WatchStream>>();

  /** The oldest of a session that has too many is ended. */
  add(watch: WatchStream): void {
    const watches = this.#bySession.get(watch.sessionId) ?? new Set();
    this.#bySession.set(watch.sessionId, watches.add(watch));
    const [oldest] = watches;
    if (watches.size <= MAX_OF_SESSION || oldest === undefined) return;
    this.remove(oldest);
    oldest.end(new Refusal('overloaded', 'the session has opened too many watches since'));
  }

  remove(watch: WatchStream): void {
    const watches = this.#bySession.get(watch.sessionId);
    if (watches?.delete(watch) === true && watches.size === 0) this.#bySession.delete(watch.sessionId);
  }

  endAll(reason: Refusal): void {
    for (const watches of this.#bySession.values()) for (const watch of watches) watch.end(reason);
    this.#bySession.clear();
  }
}
