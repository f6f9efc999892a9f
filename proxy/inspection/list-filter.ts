import { ByteGatherer } from '../../common/byte-gatherer.ts';
import { Refusal } from '../refusal.ts';
import type { AnswerFilter, ListedThing } from './answer-filter.ts';
import { EventStreamReader, type StreamEvent, writeEvent } from './event-stream.ts';
import { type Listing, readListing } from './listing.ts';

const MAX_MESSAGE_BYTES = 4_194_304;

interface Waiting {
  readonly listing: Listing;
  readonly write: (message: string) => Buffer;
}

/** Leaves out of an MCP server's JSON answer what policy would not let the agent ask for. */
export class JsonListFilter implements AnswerFilter {
  readonly keepsLength = false;
  readonly #held = new ByteGatherer();
  #listing: Listing | undefined;

  get asks(): readonly ListedThing[] | undefined {
    return this.#listing?.things;
  }

  push(bytes: Buffer): Buffer[] {
    this.#held.add(bytes);
    if (this.#held.length > MAX_MESSAGE_BYTES) {
      throw new Refusal('answer-refused', 'the answer is too long to be filtered');
    }
    return [];
  }

  answer(allowed: readonly boolean[]): Buffer[] {
    const listing = this.#listing;
    this.#listing = undefined;
    return listing === undefined ? [] : [Buffer.from(listing.keep(allowed))];
  }

  end(): Buffer[] {
    const text = Buffer.concat(this.#held.takeAll());
    // An answer to a notification has no body (202 Accepted).
    if (text.length === 0) return [];
    this.#listing = readListing(text);
    return this.#listing === undefined ? [text] : [];
  }
}

/** The same for each event of a stream; events that list nothing pass as they came. */
export class StreamListFilter implements AnswerFilter {
  readonly keepsLength = false;
  readonly #reader = new EventStreamReader(MAX_MESSAGE_BYTES);
  readonly #events: StreamEvent[] = [];
  /** So many of them have been taken. */
  #taken = 0;
  #waiting: Waiting | undefined;

  get asks(): readonly ListedThing[] | undefined {
    return this.#waiting?.listing.things;
  }

  push(bytes: Buffer): Buffer[] {
    for (const event of this.#reader.push(bytes)) this.#events.push(event);
    return this.#drain();
  }

  answer(allowed: readonly boolean[]): Buffer[] {
    const waiting = this.#waiting;
    if (waiting === undefined) return [];
    this.#waiting = undefined;
    return [waiting.write(waiting.listing.keep(allowed)), ...this.#drain()];
  }

  end(): Buffer[] {
    return this.#drain();
  }

  /** Everything that can go on, in one piece: a stream of tiny events must not become one of tiny frames. */
  #drain(): Buffer[] {
    const out: Buffer[] = [];
    while (this.#waiting === undefined) {
      const event = this.#events[this.#taken];
      if (event === undefined) break;
      this.#taken += 1;
      const listing = listingOf(event);
      if (listing === undefined) out.push(event.bytes);
      else this.#waiting = { listing, write: (message) => writeEvent(event, message) };
    }
    if (this.#taken === this.#events.length) {
      this.#events.length = 0;
      this.#taken = 0;
    }
    return out.length < 2 ? out : [Buffer.concat(out)];
  }
}

/**
 * `endpoint` events of HTTP+SSE hold a URL, and comments and primers no data at all. Others that clients take for no message
 * need not be JSON, and without an object nothing is listed.
 */
function listingOf({ type, data }: StreamEvent): Listing | undefined {
  if (type === 'endpoint' || !data.includes('{')) return undefined;
  return readListing(data);
}
