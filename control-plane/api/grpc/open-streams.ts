import type { Writable } from 'node:stream';
import { Refusal } from './refusal.ts';

/** One that lost its connection without a word may open others before the old ones are noticed to be gone. */
const MAX_OF_SESSION = 8;

/** A call that stays open. */
export interface OpenStream {
  readonly sessionId: string;
  end(error: unknown): void;
}

/** Whether nothing can be written to the call any more: it has gone, or its end is said. */
export function isOver(call: Pick<Writable, 'destroyed' | 'writableEnded'> & { readonly cancelled: boolean }): boolean {
  return call.destroyed || call.cancelled || call.writableEnded;
}

/**
 * The open calls of one method, few of each session: a watch costs a snapshot with every change of policy, and the others hold
 * what they have read until it is answered.
 */
export class OpenStreams {
  readonly #bySession = new Map<string, Set<OpenStream>>();

  get count(): number {
    let count = 0;
    for (const streams of this.#bySession.values()) count += streams.size;
    return count;
  }

  /** The oldest of a session that has too many is ended. */
  add(stream: OpenStream): void {
    const streams = this.#bySession.get(stream.sessionId) ?? new Set();
    this.#bySession.set(stream.sessionId, streams.add(stream));
    const [oldest] = streams;
    if (streams.size <= MAX_OF_SESSION || oldest === undefined) return;
    this.remove(oldest);
    oldest.end(new Refusal('overloaded', 'the session has opened too many of these calls since'));
  }

  remove(stream: OpenStream): void {
    const streams = this.#bySession.get(stream.sessionId);
    if (streams?.delete(stream) === true && streams.size === 0) this.#bySession.delete(stream.sessionId);
  }

  endAll(reason: Refusal): void {
    for (const streams of this.#bySession.values()) for (const stream of streams) stream.end(reason);
    this.#bySession.clear();
  }
}
