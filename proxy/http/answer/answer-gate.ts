import type { AnswerFilter, ListedThing } from '../../inspection/answer-filter.ts';

/** Where a gate's bytes go, and who waits for it. */
export interface GateSink {
  send(bytes: Buffer): void;
  /** The gate waits for policy (true: read no more of the answer), or goes on (false). */
  wait(isWaiting: boolean): void;
  /** Everything was sent. */
  finished(): void;
  failed(error: unknown): void;
}

/** Drives an answer's filter: gives it the bytes, asks policy what it must know, and passes on what it lets through. */
export class AnswerGate {
  readonly #filter: AnswerFilter;
  readonly #ask: (things: readonly ListedThing[]) => Promise<boolean[]>;
  readonly #sink: GateSink;
  #asking = false;
  #ended = false;
  #closed = false;

  constructor(filter: AnswerFilter, ask: (things: readonly ListedThing[]) => Promise<boolean[]>, sink: GateSink) {
    this.#filter = filter;
    this.#ask = ask;
    this.#sink = sink;
  }

  /** @throws Refusal for an answer that the filter cannot read */
  push(bytes: Buffer): void {
    // The filter may hold what it is given; the bytes are only lent.
    this.#send(this.#filter.push(Buffer.from(bytes)));
    this.#settle();
  }

  /** @throws Refusal */
  end(): void {
    this.#send(this.#filter.end());
    this.#ended = true;
    this.#settle();
  }

  /** The exchange ends before the answer did. */
  close(): void {
    this.#closed = true;
  }

  #send(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#sink.send(piece);
  }

  #settle(): void {
    if (this.#asking || this.#closed) return;
    const { asks } = this.#filter;
    if (asks === undefined) {
      if (this.#ended) this.#sink.finished();
      return;
    }
    this.#asking = true;
    this.#sink.wait(true);
    this.#ask(asks)
      .then((allowed) => {
        if (this.#closed) return;
        this.#send(this.#filter.answer(allowed));
        // May bring more, or the end, before it returns: that is settled here.
        if (this.#filter.asks === undefined) this.#sink.wait(false);
        this.#asking = false;
        this.#settle();
      })
      .catch((error: unknown) => {
        if (!this.#closed) this.#sink.failed(error);
      });
  }
}
