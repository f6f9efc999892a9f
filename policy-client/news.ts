/** Tells a failure's news from its repetition: an outage must not fill the log. */
export class News {
  /** Of the last failure, since all was well. */
  #reason: string | undefined;

  /** True for the first failure since all was well, or one for another reason. */
  isNews(reason: string): boolean {
    const isNews = reason !== this.#reason;
    this.#reason = reason;
    return isNews;
  }

  /** All is well: the next failure is news, whatever its reason. */
  clear(): void {
    this.#reason = undefined;
  }
}
