import { SidekeyError } from '../errors.ts';

/** DER that is malformed, or not what was expected there. */
export class DerError extends SidekeyError {
  constructor(message: string) {
    super('der-invalid', message);
  }
}

export interface DerElement {
  readonly tag: number;
  /** The value's bytes. */
  readonly value: Buffer;
  /** Tag, length and value. */
  readonly whole: Buffer;
}

/** Reads the elements of one constructed value in order; ends where its bytes end. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The tag of the next element, or undefined at the end. */
  peekTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  next(): DerElement {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes');
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DerError('an element ends beyond its container');
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, value, whole: this.#bytes.subarray(start, end) };
  }

  expect(tag: number): DerElement {
    const found = this.next();
    if (found.tag !== tag) throw new DerError(`tag ${found.tag} where ${tag} was expected`);
    return found;
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | undefined {
    return this.peekTag() === tag ? this.next() : undefined;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new DerError('the bytes end too early');
    this.#at += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw new DerError('an indefinite or too long length');
    let length = 0;
    for (let index = 0; index < count; index += 1) length = (length << 8) | this.#byte();
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new DerError('a length that is not minimal');
    return length;
  }
}

/** Reads the one element that these bytes hold, which must be a SEQUENCE. */
export function readSequence(bytes: Uint8Array): DerReader {
  const outer = new DerReader(bytes);
  const found = outer.expect(0x30);
  if (!outer.done) throw new DerError('bytes after the end');
  return new DerReader(found.value);
}
