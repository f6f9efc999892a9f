// setTimeout takes 31 bits; a longer wait is cut and its loop looks again.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One waiter's sleep, which another part can cut short. */
export class Alarm {
  #wake: (() => void) | undefined;
  #rung = false;

  /** Resolves after so many milliseconds, or as soon as `ring` is called; at once if it rang since the last wait. */
  wait(ms: number): Promise<void> {
    if (this.#rung) {
      this.#rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.ring(), Math.min(Math.max(ms, 0), MAX_TIMER_MS));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  ring(): void {
    if (this.#wake === undefined) this.#rung = true;
    else this.#wake();
  }

  /** Forgets a ring that nobody has waited for. */
  clear(): void {
    this.#rung = false;
  }
}
