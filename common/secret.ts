import { timingSafeEqual, createHash } from 'node:crypto';
import { inspect } from 'node:util';

const MASK = '[secret]';

/**
 * Bytes that must not leave by accident: printing, joining, spreading or serialising a Secret gives `[secret]`.
 * `reveal()` and `revealBytes()` are the only ways to the value, so that searching for them lists every use.
 */
export class Secret {
  readonly #bytes: Buffer;

  constructor(value: string | Uint8Array) {
    this.#bytes = Buffer.from(value as Uint8Array);
  }

  /** Length in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The value as UTF-8 text. */
  reveal(): string {
    return this.#bytes.toString('utf8');
  }

  /** The value's bytes; the caller must not change them. */
  revealBytes(): Buffer {
    return this.#bytes;
  }

  /** Compares in constant time, whatever the lengths. */
  equals(other: string | Uint8Array): boolean {
    return timingSafeEqual(sha256(this.#bytes), sha256(Buffer.from(other as Uint8Array)));
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
