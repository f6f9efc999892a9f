import { DynamicTable } from './dynamic-table.ts';
import { Field, kindOfName } from './field.ts';
import { Http2Error } from './http2-error.ts';
import { decodeHuffman, maxDecodedBytes } from './huffman.ts';
import { STATIC_COUNT, STATIC_FIELDS } from './static-table.ts';

export interface HpackLimits {
  /** Octets of names and values, with 32 for each field (RFC 9113 6.5.2). */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderCount: number;
}

/** RFC 7541 4.2 and RFC 9113 6.5.2: the table's size before anybody says otherwise. */
const INITIAL_TABLE_BYTES = 4_096;
const NO_NAMES: ReadonlySet<string> = new Set();

/** Room for one decoded string at a time, for all decoders: it is read before the next is written. */
let scratch = Buffer.allocUnsafeSlow(4_096);

/**
 * Decodes header blocks (RFC 7541 3). After decode() the block is in `fields`, `sensitive` and `tooLarge`. Every fault throws Http2Error COMPRESSION_ERROR, after which the decoder may not be used.
 */
export class HpackDecoder {
  /** In order. Empty if the block is too large. */
  fields: Field[] = [];
  /** Names whose value came as never indexed. */
  sensitive: ReadonlySet<string> = NO_NAMES;
  /** Whether the block went over a limit. It was decoded to its end all the same, for the table's sake. */
  tooLarge = false;
  /** Changes whenever the dynamic table does; with it, or while the table has to shrink, blocks mean something else. */
  version = 0;

  readonly #limits: HpackLimits;
  readonly #table = new DynamicTable(INITIAL_TABLE_BYTES);
  #tableLimit = INITIAL_TABLE_BYTES;
  /** The peer confirmed a limit below the table's size, so it has to shrink it first (RFC 9113 4.3.1). */
  #mustShrink = false;
  #listBytes = 0;
  #bytes: Buffer = scratch;
  #at = 0;
  #end = 0;

  constructor(limits: HpackLimits) {
    this.#limits = limits;
  }

  /** Octets that the dynamic table counts for. */
  get tableBytes(): number {
    return this.#table.size;
  }

  /** The peer has confirmed SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(maxBytes: number): void {
    this.#tableLimit = maxBytes;
    this.version += 1;
    this.#mustShrink = this.#table.maxSize > maxBytes;
  }

  /** Decodes the whole block `bytes[start .. end)`. */
  decode(bytes: Buffer, start: number, end: number): void {
    this.fields = [];
    this.sensitive = NO_NAMES;
    this.tooLarge = false;
    this.#listBytes = 0;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    while (this.#at < end && ((bytes[this.#at] ?? 0) & 0xe0) === 0x20) this.#resizeTable();
    if (this.#mustShrink) throw broken('a block that does not reduce the table as it must (RFC 9113 4.3.1)');
    while (this.#at < end) this.#readField(bytes[this.#at] ?? 0);
    this.#bytes = scratch;
  }

  /** One representation (RFC 7541 6), by its first octet. */
  #readField(first: number): void {
    if (first >= 0x80) {
      this.#take(this.#lookUp(this.#integer(0x7f)));
    } else if (first >= 0x40) {
      const field = this.#literal(0x3f);
      this.#table.add(field);
      this.version += 1;
      this.#take(field);
    } else if (first >= 0x20) {
      throw broken('a table size update behind a field (RFC 7541 4.2)');
    } else {
      const field = this.#literal(0x0f);
      if (first >= 0x10) this.#markSensitive(field.name);
      this.#take(field);
    }
  }

  #take(field: Field): void {
    this.#listBytes += field.size;
    if (this.tooLarge) return;
    this.fields.push(field);
    if (this.#listBytes <= this.#limits.maxHeaderListBytes && this.fields.length <= this.#limits.maxHeaderCount) return;
    this.tooLarge = true;
    this.fields = [];
  }

  #markSensitive(name: string): void {
    if (this.tooLarge) return;
    this.sensitive = new Set([...this.sensitive, name]);
  }

  #resizeTable(): void {
    const size = this.#integer(0x1f);
    if (size > this.#tableLimit) throw broken('a table size above the limit (RFC 7541 6.3)');
    this.#table.resize(size);
    this.version += 1;
    this.#mustShrink = false;
  }

  #literal(prefix: number): Field {
    const index = this.#integer(prefix);
    if (index === 0) {
      const name = this.#string();
      return new Field(name, kindOfName(name), this.#string());
    }
    const { name, nameKind } = this.#lookUp(index);
    return new Field(name, nameKind, this.#string());
  }

  #lookUp(index: number): Field {
    const field = index <= STATIC_COUNT ? STATIC_FIELDS[index - 1] : this.#table.get(index - STATIC_COUNT - 1);
    if (field === undefined) throw broken('an index that no table has (RFC 7541 2.3.3, 6.1)');
    return field;
  }

  /** An integer of up to 28 bits behind its prefix; longer ones, also by padding, are refused (RFC 7541 5.1). */
  #integer(prefix: number): number {
    const bytes = this.#bytes;
    let value = (bytes[this.#at] ?? 0) & prefix;
    this.#at += 1;
    if (value < prefix) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) throw broken('a block that ends inside an integer (RFC 7541 5.1)');
      const byte = bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken('an integer that is too long (RFC 7541 5.1)');
  }

  #string(): string {
    if (this.#at >= this.#end) throw broken('a block that ends before a string (RFC 7541 5.2)');
    const coded = (this.#bytes[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw broken('a block that ends inside a string (RFC 7541 5.2)');
    this.#at = end;
    if (!coded) return this.#bytes.toString('latin1', start, end);
    const room = maxDecodedBytes(length);
    if (room > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * room);
    return scratch.toString('latin1', 0, decodeHuffman(this.#bytes, start, end, scratch));
  }
}

function broken(message: string): Http2Error {
  return new Http2Error('COMPRESSION_ERROR', message);
}
