/** An outage whose cause is never the same is told of no more often than this. */
const MAX_CAUSES = 4;

/** Tells a failure's news from its repetition: an outage must not fill the log. */
export class News {
  /** Of the last failure, since all was well. */
  #reason: string | undefined;
  /** What was told of it, without the numbers, which change from one attempt to the next. */
  readonly #causes = new Set<string>();

  /** True for the first failure since all was well, or one for another reason or cause. */
  isNews(reason: string, cause = ''): boolean {
    if (reason !== this.#reason) this.clear();
    this.#reason = reason;
    const words = cause.replaceAll(/\d+/g, '');
    if (this.#causes.has(words) || this.#causes.size >= MAX_CAUSES) return false;
    this.#causes.add(words);
    return true;
  }

  /** All is well: the next failure is news, whatever its reason. */
  clear(): void {
    this.#reason = undefined;
    this.#causes.clear();
  }
}
