import { SidekeyError } from '../common/errors.ts';
import { Followed } from '../common/followed.ts';
import type { Closers } from './foundation.ts';

/** The files that others may change while the control plane runs. */
export class FollowedFiles {
  readonly #closers: Closers;
  readonly #onError: (error: unknown) => void;
  readonly #followed: Followed<unknown>[] = [];

  constructor(closers: Closers, onError: (error: unknown) => void) {
    this.#closers = closers;
    this.#onError = onError;
  }

  /** `what` names them to people. */
  follow<T>(what: string, held: T, read: () => Promise<T>, changed: (now: T) => void): Followed<T> {
    const failed = (cause: unknown): void =>
      this.#onError(new SidekeyError('unusable-file', `${what}: what it was before stays in use`, { cause }));
    const followed = new Followed<T>(held, { read, changed, failed });
    this.#followed.push(followed as Followed<unknown>);
    this.#closers.add(() => followed.stop());
    return followed;
  }

  /** How many of them hold what cannot be used. */
  get faulty(): number {
    return this.#followed.filter(({ isFaulty }) => isFaulty).length;
  }
}
