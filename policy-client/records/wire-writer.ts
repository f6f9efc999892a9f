// A tag and a length or number take at most 5 and 10 bytes.
const MAX_FIELD_HEAD_BYTES = 15;
const MAX_BYTES_PER_CODE_UNIT = 3;

/**
 * Writes protobuf fields into one buffer that is used again and again. Decision records are written for every call, and
 * the generated codec costs four times as much for them; a test holds the two to the same bytes.
 */
export class WireWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(4_096);
  #end = 0;

  reset(): void {
    this.#end = 0;
  }

  /** A copy of what was written since `reset`. */
  take(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#end));
  }

  get length(): number {
    return this.#end;
  }

  /** Forgets what was written from there on. */
  truncate(length: number): void {
    this.#end = Math.min(this.#end, length);
  }

  /** A part of what was written; lent until the next write. */
  view(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end);
  }

  /** A field that is absent when empty. */
  string(field: number, value: string): void {
    if (value !== '') this.item(field, value);
  }

  /** An element of a repeated field, which is written even when empty. */
  item(field: number, value: string): void {
    this.#reserve(MAX_FIELD_HEAD_BYTES + value.length * MAX_BYTES_PER_CODE_UNIT);
    this.#varint(field * 8 + 2);
    const start = this.#end;
    const length = value.length;
    const buffer = this.#buffer;
    this.#varint(length);
    let at = this.#end;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        this.#end = start;
        this.#utf8(value);
        return;
      }
      buffer[at] = code;
      at += 1;
    }
    this.#end = at;
  }

  #utf8(value: string): void {
    this.#varint(Buffer.byteLength(value));
    this.#end += this.#buffer.write(value, this.#end, 'utf8');
  }

  /** A field that is absent when 0; throws RangeError for what is not an unsigned integer. */
  number(field: number, value: number): void {
    if (value === 0) return;
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('a field must be an unsigned integer');
    this.#reserve(MAX_FIELD_HEAD_BYTES);
    this.#varint(field * 8);
    this.#varint(value);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#reserve(MAX_FIELD_HEAD_BYTES + value.length);
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#buffer.set(value, this.#end);
    this.#end += value.length;
  }

  /** What the other writer holds, as a nested message. */
  message(field: number, other: WireWriter): void {
    this.nested(field, other.#end);
    this.#reserve(other.#end);
    other.#buffer.copy(this.#buffer, this.#end, 0, other.#end);
    this.#end += other.#end;
  }

  /** Head of a nested message of so many bytes, which the caller writes next. */
  nested(field: number, length: number): void {
    this.#reserve(MAX_FIELD_HEAD_BYTES);
    this.#varint(field * 8 + 2);
    this.#varint(length);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#end] = (rest % 0x80) + 0x80;
      this.#end += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#end] = rest;
    this.#end += 1;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** Bytes that a number takes as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}
