const TABLE_BITS = 13;
const TABLE_SIZE = 1 << TABLE_BITS;
/** Longer prefixes skip no further in practice and cost more to compile. */
const MAX_WINDOW = 48;

/** Takes the places that a search finds. */
export interface Findings {
  add(start: number, end: number): void;
}

/**
 * Several byte strings looked for at once: Wu and Manber's multiple-pattern search (TR 94-17), which reads two bytes
 * and then skips nearly as far as the shortest needle is long. Every needle is at least 4 bytes.
 */
export class NeedleSet {
  readonly needles: readonly Uint8Array[];
  /** How much less far than usual the search may move when it sees this pair of bytes at the end of its window. */
  readonly #nearer: Uint8Array;
  /** How far it usually moves, to the end of the next window that shares no pair with this one. */
  readonly #stride: number;
  /** 1: a needle starts with this byte. */
  readonly #starts = new Uint8Array(256);

  /** `width`: the most bytes that a character has. Where most of them are NUL, a window does not end in two of these. */
  constructor(needles: readonly Uint8Array[], width = 1) {
    this.needles = needles;
    const most = Math.min(MAX_WINDOW, ...needles.map((needle) => needle.length)) - 1;
    this.#stride = most - (most % width) || most;
    this.#nearer = new Uint8Array(TABLE_SIZE);
    for (const needle of needles) {
      this.#starts[needle[0] as number] = 1;
      for (let last = 1; last <= this.#stride; last += 1) {
        const slot = pairSlot(needle, last);
        this.#nearer[slot] = Math.max(last, this.#nearer[slot] as number);
      }
    }
  }

  /** Adds every needle that stands whole in bytes[0, end), in order of start. */
  search(bytes: Uint8Array, end: number, findings: Findings): void {
    const nearer = this.#nearer;
    const stride = this.#stride;
    const lastOfFour = end - 3 * stride;
    let at = stride;
    while (at < end) {
      // What usually comes, four steps at once: none of them waits for the one before it.
      while (
        at < lastOfFour &&
        ((nearer[pairSlot(bytes, at)] as number) |
          (nearer[pairSlot(bytes, at + stride)] as number) |
          (nearer[pairSlot(bytes, at + 2 * stride)] as number) |
          (nearer[pairSlot(bytes, at + 3 * stride)] as number)) ===
          0
      ) {
        at += 4 * stride;
      }
      // Up to the next pair that is in a needle, and past it.
      let isPast = false;
      while (at < end) {
        const near = nearer[pairSlot(bytes, at)] as number;
        if (near === 0 && isPast) break;
        isPast ||= near > 0;
        if (near === stride) {
          this.#findAt(bytes, at - stride, end, findings);
          at += 1;
        } else {
          at += stride - near;
        }
      }
    }
  }

  #findAt(bytes: Uint8Array, start: number, end: number, findings: Findings): void {
    if (this.#starts[bytes[start] as number] === 0) return;
    const length = this.#longestAt(bytes, start, end);
    if (length > 0) findings.add(start, start + length);
  }

  #longestAt(bytes: Uint8Array, start: number, end: number): number {
    let longest = 0;
    for (const needle of this.needles) {
      if (needle.length > longest && start + needle.length <= end && standsAt(needle, bytes, start))
        longest = needle.length;
    }
    return longest;
  }
}

/** Of the pair that ends at `at`. */
function pairSlot(bytes: Uint8Array, at: number): number {
  return (((bytes[at - 1] as number) << 6) ^ (bytes[at] as number)) & (TABLE_SIZE - 1);
}

/** Whether the needle stands there whole. */
export function standsAt(needle: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < needle.length; at += 1) {
    if (bytes[start + at] !== needle[at]) return false;
  }
  return true;
}
