import { LISTED_BYTES, introducerLister } from './introducer-list.ts';

/** What is shorter is listed without being looked at first. */
const SHORT_BYTES = 512;

/** Walks over the bytes that start an escape: native search over the deserts, lists of them through the swarms. */
export class IntroducerBlocks {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #lister = introducerLister();
  /** By slot. */
  readonly #nextOf: [number, number, number] = [-1, -1, -1];
  #until = 0;
  /** Where the block begins in which introducers were listed last, and how many there are. */
  from = 0;
  count = 0;

  constructor(bytes: Buffer, end: number) {
    this.#bytes = bytes;
    this.#end = end;
  }

  /** Of those, counted from its beginning. */
  get places(): Int32Array {
    return this.#lister.places;
  }

  /** Lists the introducers of the next block that has some; false when there is none. */
  next(): boolean {
    this.count = 0;
    while (this.count === 0 && this.#until < this.#end) {
      this.from = this.#end - this.#until < SHORT_BYTES ? this.#until : this.#nearest(this.#until);
      this.#until = Math.min(this.#end, this.from + LISTED_BYTES);
      this.count = this.#lister.list(this.#bytes, this.from, this.#until);
    }
    return this.count > 0;
  }

  #nearest(from: number): number {
    return Math.min(this.#find(0, 0x25, from), this.#find(1, 0x5c, from), this.#find(2, 0x26, from));
  }

  #find(slot: 0 | 1 | 2, byte: number, from: number): number {
    const nextOf = this.#nextOf;
    if (nextOf[slot] < from) {
      const at = this.#bytes.indexOf(byte, from);
      nextOf[slot] = at === -1 ? this.#end : Math.min(at, this.#end);
    }
    return nextOf[slot];
  }
}
