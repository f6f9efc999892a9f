/** Something that an answer lists and that could be asked for on its own. */
export interface ListedThing {
  readonly kind: 'tool' | 'resource' | 'prompt';
  readonly name: string;
}

/**
 * What the bytes of one answer go through on their way to the agent, after decoding and scrubbing. Sans-io: it returns bytes and
 * asks; whoever drives it finds out and answers. Every method throws Refusal `answer-refused` for what it cannot read.
 */
export interface AnswerFilter {
  /** As many bytes come out as went in, so that a declared length stays true. */
  readonly keepsLength: boolean;
  /** What it must know before it goes on; undefined: nothing. While it waits, bytes pushed are held, so stop reading. */
  readonly asks: readonly ListedThing[] | undefined;
  push(bytes: Buffer): Buffer[];
  /** Which of the things it asks for may be had, in their order. It may ask for more right after. */
  answer(allowed: readonly boolean[]): Buffer[];
  /** No more bytes come. The answer is complete once this was called and nothing is asked. */
  end(): Buffer[];
}
