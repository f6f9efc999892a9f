export interface StillnessOptions {
  readonly maxStillMs: number;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** The process stood still for this long. */
  readonly onResumed: (stillMs: number) => void;
}

const LOOKS_IN_TIME = 5;

/**
 * Tells when this process has stood still for longer than a busy machine makes it: stopped, frozen with its pod, or
 * restored from an image, perhaps more than once. The wall clock shows what the monotonic one slept through.
 */
export class StillnessWatch {
  readonly #options: StillnessOptions;
  #timer: NodeJS.Timeout | undefined;
  #wallMs = 0;
  #monotonicMs = 0;

  constructor(options: StillnessOptions) {
    this.#options = options;
  }

  start(): void {
    this.#note();
    this.#timer = setInterval(() => this.#look(), Math.ceil(this.#options.maxStillMs / LOOKS_IN_TIME));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { maxStillMs, monotonicMs, nowMs, onResumed } = this.#options;
    const stillMs = Math.max(nowMs() - this.#wallMs, monotonicMs() - this.#monotonicMs);
    this.#note();
    if (stillMs > maxStillMs) onResumed(stillMs);
  }

  #note(): void {
    this.#wallMs = this.#options.nowMs();
    this.#monotonicMs = this.#options.monotonicMs();
  }
}
