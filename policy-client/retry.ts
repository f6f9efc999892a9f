import type { Backoff } from './backoff.ts';
import { News } from './news.ts';

/** The wait before a lost stream is opened again: one at a time, longer after each failure, none after `cancel`. */
export class Retry {
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;
  readonly #news = new News();

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  /** Takes the place of a wait that goes on. */
  schedule(run: () => void): void {
    this.cancel();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      run();
    }, this.#backoff.nextMs());
    this.#timer.unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** True for the first failure since the stream worked, or one for another reason or cause. */
  isNews(reason: string, cause?: string): boolean {
    return this.#news.isNews(reason, cause);
  }

  /** The stream works: the next wait is short again. */
  succeeded(): void {
    this.#backoff.reset();
    this.#news.clear();
  }
}
