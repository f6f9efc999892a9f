const TABLE_BITS = 12;
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
  readonly longest: number;
  /** How far the search may move when it sees this pair of bytes at the end of its window; 0: a needle may be here. */
  readonly #shifts: Uint8Array;
  readonly #window: number;

  constructor(needles: readonly Uint8Array[]) {
    this.needles = needles;
    this.longest = Math.max(...needles.map((needle) => needle.length));
    this.#window = Math.min(MAX_WINDOW, ...needles.map((needle) => needle.length));
    this.#shifts = new Uint8Array(TABLE_SIZE).fill(this.#window - 1);
    for (const needle of needles) {
      for (let last = 1; last < this.#window; last += 1) {
        const slot = pairSlot(needle[last - 1] ?? 0, needle[last] ?? 0);
        const shift = this.#window - 1 - last;
        if (shift < (this.#shifts[slot] ?? 0)) this.#shifts[slot] = shift;
      }
    }
  }

  /** Adds every needle that stands whole in bytes[0, end), in order of start. */
  search(bytes: Uint8Array, end: number, findings: Findings): void {
    const shifts = this.#shifts;
    const window = this.#window;
    let at = window - 1;
    while (at < end) {
      const a = bytes[at - 1] as number;
      const b = bytes[at] as number;
      const shift = shifts[((a << 5) ^ b) & (TABLE_SIZE - 1)] as number;
      if (shift > 0) {
        at += shift;
        continue;
      }
      const start = at - window + 1;
      const length = this.#longestAt(bytes, start, end);
      if (length > 0) findings.add(start, start + length);
      at += 1;
    }
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

function pairSlot(a: number, b: number): number {
  return ((a << 5) ^ b) & (TABLE_SIZE - 1);
}

function standsAt(needle: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < needle.length; at += 1) {
    if (bytes[start + at] !== needle[at]) return false;
  }
  return true;
}
