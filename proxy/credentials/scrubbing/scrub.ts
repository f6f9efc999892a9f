import type { Secret } from '../../../common/secret.ts';
import { BLOCK_BYTES, WHOLE_BLOCK } from './cut-search.ts';
import { encodedBytesBefore } from './long-lines.ts';
import { Ranges } from './ranges.ts';
import { type Search, searchFor } from './secret-search.ts';
import { searchForSignatures } from './signature-search.ts';

const MASK = 0x2a; // "*": legal in header names and values, in JSON strings, URLs and base64 readers that are lenient
const SCRATCH_BYTES = 16_384;
/** One for all scrubbers: what a search leaves in it nobody reads. */
const SCRATCH = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
/** Of a secret, a lull may show less than one part of so many. */
const LULL_SHARE = 4;
const EMPTY = Buffer.alloc(0);

const COMPILED = new WeakMap<readonly Secret[], { readonly scrubber: Scrubber | undefined }>();

/**
 * A scrubber for these secrets, or undefined when there is nothing to look for. Compiling costs some tens of
 * microseconds, so the result is kept as long as the array is: pass the same array for every call under one grant.
 */
export function compileScrubber(secrets: readonly Secret[]): Scrubber | undefined {
  const known = COMPILED.get(secrets);
  if (known !== undefined) return known.scrubber;
  const search = searchFor(secrets);
  const scrubber = search === undefined ? undefined : new Scrubber([search]);
  COMPILED.set(secrets, { scrubber });
  return scrubber;
}

/** The same with the signatures of one call, at next to no cost while the answer holds nothing that looks like one. */
export function scrubberOfCall(secrets: readonly Secret[], signatures: readonly Secret[]): Scrubber | undefined {
  const scrubber = compileScrubber(secrets);
  const search = searchForSignatures(signatures);
  if (search === undefined) return scrubber;
  return new Scrubber(scrubber === undefined ? [search] : [...scrubber.searches, search]);
}

/** Replaces every rendering of some secrets by as many asterisks, so that no length changes. */
export class Scrubber {
  readonly searches: readonly Search[];
  /** From so many characters of a secret on, a body's lull is waited out. */
  readonly lullChars: number;
  readonly #ranges = new Ranges();
  readonly #shortest: number;

  constructor(searches: readonly Search[]) {
    this.searches = searches;
    this.#shortest = Math.min(...searches.map(({ shortest }) => shortest));
    this.lullChars = Math.min(BLOCK_BYTES, Math.floor(this.#shortest / LULL_SHARE));
  }

  /** For whole texts, such as a header value. The same string comes back when there is nothing to hide. */
  scrubText(text: string): { text: string; hits: number } {
    // Each character of a secret takes a byte at least, and a code unit is three bytes at most.
    if (text.length * 3 < this.#shortest) return { text, hits: 0 };
    const encoding = /[^\0-\xff]/.test(text) ? 'utf8' : 'latin1';
    const fits = text.length * 3 <= SCRATCH.length;
    const bytes = fits ? SCRATCH : Buffer.from(text, encoding);
    const length = fits ? SCRATCH.write(text, encoding) : bytes.length;
    const ranges = this.findAll(bytes, length);
    if (ranges.isEmpty) return { text, hits: 0 };
    ranges.fill(bytes, MASK, length);
    return { text: bytes.toString(encoding, 0, length), hits: ranges.count };
  }

  /** A scrubber of one body, whose chunks may cut a secret anywhere; `isInside`: which may begin in the middle of one. */
  stream(isInside = false): ScrubStream {
    return new ScrubStream(this, isInside ? Math.max(...this.searches.map(({ longestBytes }) => longestBytes)) : 0);
  }

  /** Whether a secret stands in one of these texts, of which each character is a byte; undefined: to be looked at one by one. */
  holds(texts: readonly (readonly string[])[]): boolean | undefined {
    let end = 0;
    for (const list of texts) {
      for (const text of list) {
        // Each rendering takes so many bytes at least, plain or escaped, but in UTF-16 two for three of UTF-8.
        if (3 * text.length < 2 * this.#shortest) continue;
        if (end + text.length >= SCRATCH_BYTES) return undefined;
        for (let at = 0; at < text.length; at += 1) {
          const code = text.charCodeAt(at);
          if (code > 0xff) return undefined;
          SCRATCH[end + at] = code;
        }
        end += text.length + 1;
        // NUL stands in no field and ends every rendering and every escape.
        SCRATCH[end - 1] = 0;
      }
    }
    return !this.findAll(SCRATCH, end).isEmpty;
  }

  /** Whole matches in bytes[0, end), ordered and disjoint; lent until the next search. NUL bytes part one text from another. */
  findAll(bytes: Buffer, end: number): Ranges {
    const ranges = this.#ranges.cleared();
    for (const search of this.searches) search.search(bytes, end, ranges);
    return ranges.ordered();
  }

  /**
   * The same in one text, which may have lines, and characters of more than one byte. `before`: so many bytes that may be of base64
   * or hexadecimal stand ahead of these.
   */
  findInBody(bytes: Buffer, before: number): Ranges {
    const ranges = this.#ranges.cleared();
    for (const search of this.searches) search.searchBody(bytes, before, ranges);
    return ranges.ordered();
  }

  /** The same with the rest of a secret that began before the bytes did: its end, or the middle of it if no more comes. */
  findAllAndRest(bytes: Buffer): Ranges {
    const ranges = this.findInBody(bytes, 0);
    for (const search of this.searches) search.rests(bytes, ranges);
    return ranges.ordered();
  }

  /**
   * Where a secret may have begun that goes on behind the bytes; else their end. `least`: so many characters of it must be here,
   * or a block. `before` as in `findInBody`.
   */
  pendingFrom(bytes: Uint8Array, least: number, before: number): number {
    const end = bytes.length;
    let from = end;
    for (const search of this.searches) from = Math.min(from, search.pendingFrom(bytes, end, least, before));
    return from;
  }
}

/**
 * Scrubs a body chunk by chunk. Only bytes that may be the beginning of a secret are held back. The chunks that go in
 * are changed in place and may come out again; what is held is copied, so that the caller may reuse its buffers.
 */
export class ScrubStream {
  readonly #scrubber: Scrubber;
  #held: Buffer = EMPTY;
  /** So many of the held bytes are the end of a match whose beginning has left already. */
  #heldMasked = 0;
  /** So many of the held bytes have left already, in a lull. */
  #heldGone = 0;
  /** So many bytes that may be of base64 or hexadecimal stand right before the held ones. */
  #encodedBefore = 0;
  #hits = 0;
  /** So many bytes are gathered before the first are judged; 0 once they are. */
  #gathering: number;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;

  constructor(scrubber: Scrubber, gathering: number) {
    this.#scrubber = scrubber;
    this.#gathering = gathering;
  }

  /** Secrets masked so far. */
  get hits(): number {
    return this.#hits;
  }

  /** That have not left. */
  get heldBytes(): number {
    return this.#held.length - this.#heldGone + this.#gatheredBytes;
  }

  push(chunk: Buffer): Buffer[] {
    return this.#scrub(chunk, false);
  }

  /** `push` and `end` in one, which is cheaper when a chunk is known to be the last. */
  pushLast(chunk: Buffer): Buffer[] {
    return this.#scrub(chunk, true);
  }

  end(): Buffer[] {
    return this.#scrub(EMPTY, true);
  }

  /**
   * What may leave of the held bytes when nothing has come for a while, since somebody may wait for them: those in which too
   * little of a secret stands to tell of it. They are still searched with what follows, so that all the rest of a secret is
   * masked: whoever makes the pauses learns less than a quarter of it, and less than 8 characters, however many they make.
   */
  lull(): Buffer[] {
    const gone = this.#heldGone;
    if (this.#held.length === gone) return [];
    const until = this.#scrubber.pendingFrom(this.#held, this.#scrubber.lullChars, this.#encodedBefore);
    if (until <= gone) return [];
    this.#heldGone = until;
    const bytes = Buffer.from(this.#held.subarray(gone, until));
    bytes.fill(MASK, 0, Math.max(0, Math.min(this.#heldMasked, until) - gone));
    return [bytes];
  }

  #find(bytes: Buffer): Ranges {
    if (this.#gathering === 0) return this.#scrubber.findInBody(bytes, this.#encodedBefore);
    this.#gathering = 0;
    this.#gatheredBytes = 0;
    return this.#scrubber.findAllAndRest(bytes);
  }

  #scrub(chunk: Buffer, isLast: boolean): Buffer[] {
    if (chunk.length === 0 && !isLast) return [];
    if (this.#gathering > 0) {
      this.#gathered.push(Buffer.from(chunk));
      this.#gatheredBytes += chunk.length;
      if (this.#gatheredBytes < this.#gathering && !isLast) return [];
      this.#held = Buffer.concat(this.#gathered);
      this.#gathered = [];
      chunk = EMPTY;
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const ranges = this.#find(bytes);
    const pending = this.#scrubber.pendingFrom(bytes, isLast ? WHOLE_BLOCK : 0, this.#encodedBefore);
    const emitted = isLast ? bytes.length : pending;
    const carried = this.#heldMasked;
    const gone = Math.min(this.#heldGone, emitted);
    this.#heldGone -= gone;
    if (!isLast) this.#encodedBefore = encodedBytesBefore(bytes, emitted, this.#encodedBefore);
    this.#held = emitted === bytes.length ? EMPTY : Buffer.from(bytes.subarray(emitted));
    this.#heldMasked = 0;
    if (!ranges.isEmpty) {
      // A match that starts in what is held will be found again with the next chunk.
      const { count, end } = ranges.before(emitted);
      this.#hits += count;
      this.#heldMasked = Math.max(0, end - emitted);
      ranges.fill(bytes, MASK, emitted);
    }
    if (carried > 0) {
      bytes.fill(MASK, 0, Math.min(carried, emitted));
      this.#heldMasked = Math.max(this.#heldMasked, carried - emitted);
    }
    if (isLast && pending < bytes.length) {
      this.#hits += 1;
      bytes.fill(MASK, pending);
    }
    if (emitted === gone) return [];
    return [emitted - gone === bytes.length ? bytes : bytes.subarray(gone, emitted)];
  }
}
