import type { Backoff } from './backoff.ts';

/** The wait before a lost stream is opened again: one at a time, longer after each failure, none after `cancel`. */
export class Retry {
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;
  /** Of the last failure that was news. */
  #reason: string | undefined;

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

  /** True for the first failure since the stream worked, or one for another reason: an outage must not fill the log. */
  isNews(reason: string): boolean {
    const isNews = reason !== this.#reason;
    this.#reason = reason;
    return isNews;
  }

  /** The stream works: the next wait is short again. */
  succeeded(): void {
    this.#backoff.reset();
    this.#reason = undefined;
  }
}
