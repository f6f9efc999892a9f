import type { Secret } from '../../common/secret.ts';
import { EscapedSearch } from './escaped-search.ts';
import { NeedleSet } from './needle-set.ts';
import { renderingsOf } from './renderings.ts';

const MASK = 0x2a; // "*": legal in header names and values, in JSON strings, URLs and base64 readers that are lenient
const SCRATCH_BYTES = 16_384;
/** At the very end of a body, and at the beginning of a part, so many characters of a secret are masked without the rest. */
const MIN_TRUNCATED_CHARS = 8;
const EMPTY = Buffer.alloc(0);

const COMPILED = new WeakMap<readonly Secret[], { readonly scrubber: Scrubber | undefined }>();

/**
 * A scrubber for these secrets, or undefined when there is nothing to look for. Compiling costs some tens of
 * microseconds, so the result is kept as long as the array is: pass the same array for every call under one grant.
 */
export function compileScrubber(secrets: readonly Secret[]): Scrubber | undefined {
  const known = COMPILED.get(secrets);
  if (known !== undefined) return known.scrubber;
  const distinct = new Map<string, Buffer>();
  for (const secret of secrets) {
    for (const bytes of renderingsOf(secret.revealBytes())) distinct.set(bytes.toString('latin1'), bytes);
  }
  const scrubber = distinct.size === 0 ? undefined : new Scrubber([...distinct.values()]);
  COMPILED.set(secrets, { scrubber });
  return scrubber;
}

/** Replaces every rendering of some secrets by as many asterisks, so that no length changes. */
export class Scrubber {
  readonly #plain: NeedleSet;
  readonly #escaped: EscapedSearch;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  readonly #shortest: number;

  constructor(needles: readonly Uint8Array[]) {
    this.#plain = new NeedleSet(needles);
    this.#shortest = Math.min(...needles.map((needle) => needle.length));
    this.#escaped = new EscapedSearch(needles, this.#plain.longest);
  }

  /** For whole texts, such as a header value. The same string comes back when there is nothing to hide. */
  scrubText(text: string): { text: string; hits: number } {
    // Each character of a secret takes a byte at least, and a code unit is three bytes at most.
    if (text.length * 3 < this.#shortest) return { text, hits: 0 };
    const encoding = /[^\0-\xff]/.test(text) ? 'utf8' : 'latin1';
    const fits = text.length * 3 <= this.#scratch.length;
    const bytes = fits ? this.#scratch : Buffer.from(text, encoding);
    const length = fits ? this.#scratch.write(text, encoding) : bytes.length;
    const ranges = this.findAll(bytes, length);
    if (ranges === undefined) return { text, hits: 0 };
    mask(bytes, ranges, length);
    return { text: bytes.toString(encoding, 0, length), hits: ranges.length / 2 };
  }

  /** A scrubber of one body, whose chunks may cut a secret anywhere; `isInside`: which may begin in the middle of one. */
  stream(isInside = false): ScrubStream {
    return new ScrubStream(this, isInside ? this.#escaped.longestBytes : 0);
  }

  /** Whole matches in bytes[0, end) as `[start, end, start, end ...]`, ordered and disjoint; undefined when there are none. */
  findAll(bytes: Buffer, end: number): number[] | undefined {
    let ranges: number[] | undefined;
    const found = (start: number, stop: number): void => {
      ranges ??= [];
      const last = ranges.length - 1;
      if (last > 0 && start >= (ranges[last - 1] ?? 0) && start <= (ranges[last] ?? 0)) {
        ranges[last] = Math.max(stop, ranges[last] ?? 0);
      } else {
        ranges.push(start, stop);
      }
    };
    this.#plain.search(bytes, end, found);
    this.#escaped.search(bytes, end, found);
    return ranges === undefined ? undefined : inOrder(ranges);
  }

  /** The same for the rest of a secret that began before the bytes did: its end, or the middle of it if no more comes. */
  findRests(bytes: Buffer): number[] {
    const ranges: number[] = [];
    this.#escaped.rests(bytes, MIN_TRUNCATED_CHARS, (start, stop) => ranges.push(start, stop));
    return ranges;
  }

  /** Where a secret may have begun that goes on behind `end`, with at least `minMatched` characters seen; else `end`. */
  pendingFrom(bytes: Uint8Array, end: number, minMatched: number): number {
    return this.#escaped.pendingFrom(bytes, end, minMatched);
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

  get heldBytes(): number {
    return this.#held.length + this.#gatheredBytes;
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

  #find(bytes: Buffer): number[] | undefined {
    const whole = this.#scrubber.findAll(bytes, bytes.length);
    if (this.#gathering === 0) return whole;
    this.#gathering = 0;
    this.#gatheredBytes = 0;
    const rests = this.#scrubber.findRests(bytes);
    return rests.length === 0 ? whole : inOrder([...rests, ...(whole ?? [])]);
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
    const pending = this.#scrubber.pendingFrom(bytes, bytes.length, isLast ? MIN_TRUNCATED_CHARS : 0);
    const emitted = isLast ? bytes.length : pending;
    const carried = this.#heldMasked;
    this.#held = emitted === bytes.length ? EMPTY : Buffer.from(bytes.subarray(emitted));
    this.#heldMasked = 0;
    if (ranges !== undefined) {
      for (let at = 0; at < ranges.length; at += 2) {
        // A match that starts in what is held will be found again with the next chunk.
        if ((ranges[at] ?? 0) >= emitted) break;
        this.#hits += 1;
        this.#heldMasked = Math.max(0, (ranges[at + 1] ?? 0) - emitted);
      }
      mask(bytes, ranges, emitted);
    }
    if (carried > 0) {
      bytes.fill(MASK, 0, Math.min(carried, emitted));
      this.#heldMasked = Math.max(this.#heldMasked, carried - emitted);
    }
    if (isLast && pending < bytes.length) {
      this.#hits += 1;
      bytes.fill(MASK, pending);
    }
    return emitted === 0 ? [] : [emitted === bytes.length ? bytes : bytes.subarray(0, emitted)];
  }
}

function mask(bytes: Buffer, ranges: readonly number[], end: number): void {
  for (let at = 0; at < ranges.length; at += 2) {
    const start = ranges[at] ?? 0;
    if (start < end) bytes.fill(MASK, start, Math.min(ranges[at + 1] ?? 0, end));
  }
}

/** Sorts and merges what two searches found. */
function inOrder(ranges: number[]): number[] {
  if (ranges.length === 2) return ranges;
  const pairs: [number, number][] = [];
  for (let at = 0; at < ranges.length; at += 2) pairs.push([ranges[at] ?? 0, ranges[at + 1] ?? 0]);
  pairs.sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [start, stop] of pairs) {
    const last = merged.length - 1;
    if (last > 0 && start <= (merged[last] ?? 0)) merged[last] = Math.max(stop, merged[last] ?? 0);
    else merged.push(start, stop);
  }
  return merged;
}
