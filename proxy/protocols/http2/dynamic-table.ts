import type { Field } from './field.ts';

/** The dynamic table of a decoder (RFC 7541 2.3.2, 4): a ring, so that neither adding nor evicting moves entries. */
export class DynamicTable {
  #ring: (Field | undefined)[] = new Array<Field | undefined>(16).fill(undefined);
  /** Where the next entry goes. */
  #next = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Octets that the entries count for. */
  get size(): number {
    return this.#size;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** The entry added last is number 0. */
  get(number: number): Field | undefined {
    if (number >= this.#count) return undefined;
    return this.#ring[(this.#next - 1 - number) & (this.#ring.length - 1)];
  }

  /** Evicts what stands in the way; an entry larger than the table empties it and is not an error (RFC 7541 4.4). */
  add(field: Field): void {
    this.#evict(this.#maxSize - field.size);
    if (field.size > this.#maxSize) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) & (this.#ring.length - 1);
    this.#count += 1;
    this.#size += field.size;
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evict(maxSize);
  }

  #evict(allowed: number): void {
    while (this.#count > 0 && this.#size > allowed) {
      const at = (this.#next - this.#count) & (this.#ring.length - 1);
      this.#size -= this.#ring[at]?.size ?? 0;
      this.#ring[at] = undefined;
      this.#count -= 1;
    }
  }

  #grow(): void {
    const ring = new Array<Field | undefined>(this.#ring.length * 2).fill(undefined);
    for (let number = 0; number < this.#count; number += 1) ring[this.#count - 1 - number] = this.get(number);
    this.#ring = ring;
    this.#next = this.#count;
  }
}
