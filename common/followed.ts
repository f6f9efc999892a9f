import { isDeepStrictEqual } from 'node:util';
import { describeError } from './errors.ts';

/** Kubernetes brings a changed secret within two minutes: so long more matters to nobody. */
const LOOK_MS = 5_000;

export interface Follower<T> {
  /** What the files hold now. @throws when that cannot be used */
  read(): Promise<T>;
  changed(now: T): void;
  /** Told once of each thing that is wrong. */
  failed(error: unknown): void;
}

/**
 * What files hold that others change while this process runs. They are read again and again: a watch would miss what Kubernetes does,
 * which swaps a link above them. What cannot be used changes nothing.
 */
export class Followed<T> {
  readonly #follower: Follower<T>;
  readonly #timer: NodeJS.Timeout;
  #held: T;
  #looking: Promise<void> | undefined;
  #fault: string | undefined;
  #isStopped = false;

  constructor(held: T, follower: Follower<T>, lookMs: number = LOOK_MS) {
    this.#held = held;
    this.#follower = follower;
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
  }

  /** The last that could be used. */
  get held(): T {
    return this.#held;
  }

  /** Whether the files hold something else by now, which cannot be used. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { read, changed, failed } = this.#follower;
    try {
      const now = await read();
      if (this.#isStopped) return;
      if (!isDeepStrictEqual(now, this.#held)) {
        changed(now);
        this.#held = now;
      }
      this.#fault = undefined;
    } catch (error) {
      const fault = describeError(error);
      if (this.#isStopped || fault === this.#fault) return;
      this.#fault = fault;
      failed(error);
    }
  }
}
