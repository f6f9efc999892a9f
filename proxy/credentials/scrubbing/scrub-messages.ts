import type { HeaderList } from '../../protocols/header-list.ts';
import { hasMessages, PrefixReader } from './message-framing.ts';
import type { Scrubber, ScrubStream } from './scrub.ts';

/** Scrubs a body that comes in chunks, which are changed in place. */
export type BodyScrub = Pick<ScrubStream, 'hits' | 'heldBytes' | 'push' | 'pushLast' | 'lull' | 'end'>;

/** `isInside`: the body may begin in the middle of a secret. */
export function scrubBody(scrubber: Scrubber, headers: HeaderList, isInside: boolean): BodyScrub {
  return hasMessages(headers) && !isInside ? new MessagesScrub(scrubber) : scrubber.stream(isInside);
}

/**
 * Scrubs a row of messages (message-framing.ts), each by itself: none is held back for the next one, which may be an answer to
 * what this one makes its reader ask.
 */
class MessagesScrub implements BodyScrub {
  readonly #scrubber: Scrubber;
  readonly #prefix = new PrefixReader();
  /** Bytes of the message that are still to come; without end once the body has shown that it has no messages. */
  #left = 0;
  #message: ScrubStream | undefined;
  /** A message was there, or what looked like one. */
  #hasBegun = false;
  /** In messages that are over. */
  #hits = 0;

  constructor(scrubber: Scrubber) {
    this.#scrubber = scrubber;
  }

  get hits(): number {
    return this.#hits + (this.#message?.hits ?? 0);
  }

  get heldBytes(): number {
    return this.#message?.heldBytes ?? 0;
  }

  /** Nobody can read a part of a message. */
  lull(): Buffer[] {
    return this.#left === Number.POSITIVE_INFINITY ? (this.#message?.lull() ?? []) : [];
  }

  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#prefix.isWhole) {
        const piece = chunk.subarray(at, Math.min(chunk.length, at + this.#left));
        at += piece.length;
        this.#left -= piece.length;
        out.push(...this.#scrub(piece));
      } else {
        at += this.#prefix.take(chunk, at);
        if (this.#prefix.isWhole) out.push(...this.#begin());
      }
    }
    return out;
  }

  pushLast(chunk: Buffer): Buffer[] {
    return [...this.push(chunk), ...this.end()];
  }

  end(): Buffer[] {
    const cut = this.#prefix.isWhole || this.#prefix.isEmpty ? [] : [this.#prefix.toBuffer()];
    const last = this.#message?.end() ?? cut;
    this.#finish();
    return last;
  }

  /** What can go on of the prefix. */
  #begin(): Buffer[] {
    const prefix = this.#prefix.toBuffer();
    if (!this.#prefix.isOfMessage) {
      this.#left = Number.POSITIVE_INFINITY;
      // What was taken for a message before may have ended within a secret: an agent chooses the words ahead of it.
      this.#message = this.#scrubber.stream(this.#hasBegun);
      return this.#message.push(prefix);
    }
    this.#hasBegun = true;
    this.#left = this.#prefix.length;
    this.#message = this.#scrubber.stream();
    return [prefix];
  }

  #scrub(piece: Buffer): Buffer[] {
    if (this.#left > 0) return this.#message?.push(piece) ?? [];
    const last = this.#message?.pushLast(piece) ?? [];
    this.#finish();
    return last;
  }

  #finish(): void {
    this.#hits = this.hits;
    this.#message = undefined;
    this.#prefix.reset();
  }
}
