import { ByteGatherer } from '../../common/byte-gatherer.ts';

/**
 * What came of a message before it is taken: its body and what stands around it, in order. Pieces of body in a row are kept
 * together, since frames of one byte may fill a whole window.
 */
export class WaitingBody<Other> {
  readonly #parts: (ByteGatherer | { readonly other: Other })[] = [];

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get last(): Other | undefined {
    const last = this.#parts.at(-1);
    return last === undefined || last instanceof ByteGatherer ? undefined : last.other;
  }

  addBody(bytes: Buffer): void {
    const last = this.#parts.at(-1);
    if (last instanceof ByteGatherer) return last.add(bytes);
    const body = new ByteGatherer();
    body.add(bytes);
    this.#parts.push(body);
  }

  add(other: Other): void {
    this.#parts.push({ other });
  }

  /** The next part: bytes, or something else. */
  shift(): { readonly bytes: Buffer } | { readonly other: Other } | undefined {
    const [first] = this.#parts;
    if (!(first instanceof ByteGatherer)) {
      this.#parts.shift();
      return first;
    }
    const bytes = first.shift();
    if (first.count === 0) this.#parts.shift();
    return bytes === undefined ? this.shift() : { bytes };
  }

  clear(): void {
    this.#parts.length = 0;
  }
}
