/** How long questions wait for a link that is down, before they are denied. */
export class LinkGrace {
  readonly #graceMs: number;
  readonly #monotonicMs: () => number;
  readonly #onOver: () => void;
  #downSinceMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(graceMs: number, monotonicMs: () => number, onOver: () => void) {
    this.#graceMs = graceMs;
    this.#monotonicMs = monotonicMs;
    this.#onOver = onOver;
    this.#downSinceMs = monotonicMs();
  }

  get isOver(): boolean {
    return this.#monotonicMs() - this.#downSinceMs >= this.#graceMs;
  }

  /** The link went down just now. */
  begin(): void {
    this.end();
    this.#downSinceMs = this.#monotonicMs();
    this.arm();
  }

  /** Makes sure that `onOver` is called when the grace ends. */
  arm(): void {
    if (this.#timer !== undefined) return;
    const leftMs = Math.max(0, this.#downSinceMs + this.#graceMs - this.#monotonicMs());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onOver();
    }, leftMs);
    this.#timer.unref();
  }

  /** The link is up, or nobody waits any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
