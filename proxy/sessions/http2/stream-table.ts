import type { Stream } from './stream.ts';
import { StreamMap } from './stream-map.ts';

/** Identifiers of streams that we reset, of which the peer may not know yet. */
const MAX_RESET_REMEMBERED = 1_024;

/** The streams of one connection, and what is remembered of those that are gone. Bounded by the session's limits. */
export class StreamTable {
  /** The highest identifier that the peer has used, and that we have. */
  lastPeer = 0;
  lastOwn = 0;
  readonly #open = new StreamMap<Stream>();
  /** With the octets of body that the peer may have sent by then. */
  readonly #reset = new Map<number, number>();
  /** Identifiers up to this were forgotten; they may have been reset. */
  #forgotten = 0;

  get size(): number {
    return this.#open.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  values(): Stream[] {
    return this.#open.values();
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  remove(stream: Stream): void {
    stream.closed = true;
    this.#open.delete(stream.id);
  }

  /** Remembers that we reset a stream: what the peer sent before it knew is to be tolerated (RFC 9113 5.1). `window`: its own. */
  rememberReset(id: number, window: number): void {
    this.#reset.set(id, window);
    if (this.#reset.size <= MAX_RESET_REMEMBERED) return;
    for (const oldest of this.#reset.keys()) {
      this.#reset.delete(oldest);
      this.#forgotten = Math.max(this.#forgotten, oldest);
      return;
    }
  }

  /** Whether frames may still arrive for this closed stream without a fault. */
  mayLinger(id: number): boolean {
    return id <= this.#forgotten || this.#reset.has(id);
  }

  /** Takes a DATA frame out of the window that a stream had when we reset it; false if it does not fit. */
  takeLate(id: number, bytes: number): boolean {
    const left = (this.#reset.get(id) ?? 0) - bytes;
    if (left < 0) return false;
    this.#reset.set(id, left);
    return true;
  }

  /** Whether nobody has used this identifier (RFC 9113 5.1.1). `own`: whether we are the side that would. */
  isIdle(id: number, own: boolean): boolean {
    return id > (own ? this.lastOwn : this.lastPeer);
  }
}
