import { FIELD, isBlank } from '../http1/characters.ts';
import { entrySize, FieldKind, kindOfName } from './field.ts';
import { STATIC_COUNT, STATIC_NAMES, type StaticName } from './static-table.ts';

const INITIAL_TABLE_BYTES = 4_096;
/** Values that were seen once and are not in the table; forgotten together when there are so many. */
const MAX_REMEMBERED = 64;
/** A prefix and the integer behind it (RFC 7541 5.1), twice, for the two lengths or index and length. */
const MAX_PREFIX_BYTES = 16;

/** `Literal | 0x..` patterns of RFC 7541 6.2. */
const WITH_INDEXING = 0x40;
const WITHOUT_INDEXING = 0x00;
const NEVER_INDEXED = 0x10;

/** Names that are looked up at once; those without a value in the table are forgotten when there are so many. */
const MAX_NAMES = 256;

/** Fields whose values enter no table, whatever the caller marks (RFC 7541 7.1.3). */
const ALWAYS_SENSITIVE: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-amz-security-token',
]);

/** All that is known of a name, so that a field costs one search for it. */
interface KnownName {
  readonly fixed: StaticName | undefined;
  readonly sensitive: boolean;
  /** Its values in the dynamic table, by the number of the insertion. */
  readonly values: Map<string, number>;
  newest: number;
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
}

/**
 * Encodes header blocks (RFC 7541): begin(), field() for each, then the block is `bytes[0 .. length)`, until the next
 * begin(). A value goes into the table when it comes a second time, so that what never repeats evicts nothing. The
 * Huffman code is not used (5.2 leaves the choice): what repeats costs one octet anyway, and raw octets cost no time.
 * Names and values are checked again; a breach is a bug of the caller and throws a plain Error without them.
 */
export class HpackEncoder {
  #bytes = Buffer.allocUnsafeSlow(1_024);
  #length = 0;
  readonly #maxTableBytes: number;
  #tableBytes: number;
  /** The sizes to tell before the next block (RFC 7541 4.2): the smallest since the last, then the present one. */
  #smallest: number | undefined;
  readonly #names = new Map<string, KnownName>();
  /** Entries in order of insertion; those before #oldest are evicted. */
  #entries: Entry[] = [];
  #oldest = 0;
  /** Insertions so far, minus the entries that #entries has dropped. */
  #dropped = 0;
  #used = 0;
  readonly #remembered = new Map<string, string>();

  /** `maxTableBytes` bounds our memory, whatever the peer allows. */
  constructor(maxTableBytes: number) {
    this.#maxTableBytes = maxTableBytes;
    this.#tableBytes = INITIAL_TABLE_BYTES;
    this.allowTable(INITIAL_TABLE_BYTES);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Octets that the dynamic table counts for. */
  get tableBytes(): number {
    return this.#used;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  allowTable(peerBytes: number): void {
    const size = Math.min(peerBytes, this.#maxTableBytes);
    if (size === this.#tableBytes) return;
    this.#smallest = Math.min(this.#smallest ?? size, size);
    this.#tableBytes = size;
    this.#evict(size);
  }

  begin(): void {
    this.#length = 0;
    if (this.#smallest === undefined) return;
    this.#makeRoom(2 * MAX_PREFIX_BYTES);
    if (this.#smallest < this.#tableBytes) this.#integer(0x20, 0x1f, this.#smallest);
    this.#integer(0x20, 0x1f, this.#tableBytes);
    this.#smallest = undefined;
  }

  /** Adds a field. A sensitive one is in no table on either side (RFC 7541 7.1.3). */
  field(name: string, value: string, sensitive: boolean): void {
    const known = this.#names.get(name) ?? this.#learn(name);
    if (sensitive || known.sensitive) {
      this.#literal(NEVER_INDEXED, 0x0f, name, known, value);
      return;
    }
    const index = known.fixed?.values.get(value) ?? this.#indexOf(known.values.get(value));
    if (index !== undefined) {
      this.#makeRoom(MAX_PREFIX_BYTES);
      this.#integer(0x80, 0x7f, index);
      return;
    }
    if (!this.#repeats(name, value)) {
      this.#literal(WITHOUT_INDEXING, 0x0f, name, known, value);
      return;
    }
    this.#literal(WITH_INDEXING, 0x3f, name, known, value);
    this.#insert(name, known, value);
  }

  #learn(name: string): KnownName {
    if (kindOfName(name) >= FieldKind.connectionSpecific) {
      throw new Error('the name of a header to write may not stand in HTTP/2 (RFC 9113 8.2)');
    }
    if (this.#names.size >= MAX_NAMES) {
      for (const [old, { values }] of this.#names) if (values.size === 0) this.#names.delete(old);
    }
    const fixed = STATIC_NAMES.get(name);
    const known = { fixed, sensitive: ALWAYS_SENSITIVE.has(name), values: new Map<string, number>(), newest: 0 };
    this.#names.set(name, known);
    return known;
  }

  /** Whether the value came before, not long ago, and fits into the table without emptying much of it. */
  #repeats(name: string, value: string): boolean {
    if (entrySize(name, value) > this.#tableBytes / 4) return false;
    if (this.#remembered.get(value) === name) {
      this.#remembered.delete(value);
      return true;
    }
    if (this.#remembered.size === MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(value, name);
    return false;
  }

  /** The index of an insertion (RFC 7541 2.3.3). */
  #indexOf(insertion: number | undefined): number | undefined {
    return insertion === undefined ? undefined : STATIC_COUNT + this.#dropped + this.#entries.length - insertion;
  }

  #literal(pattern: number, prefix: number, name: string, known: KnownName, value: string): void {
    this.#makeRoom(name.length + value.length + MAX_PREFIX_BYTES);
    const own = known.values.size === 0 ? undefined : known.newest;
    const index = known.fixed?.index ?? this.#indexOf(own) ?? 0;
    this.#integer(pattern, prefix, index);
    if (index === 0) this.#name(name);
    this.#value(value);
  }

  #insert(name: string, known: KnownName, value: string): void {
    const size = entrySize(name, value);
    this.#evict(this.#tableBytes - size);
    const insertion = this.#dropped + this.#entries.length;
    this.#entries.push({ name, value, size });
    this.#used += size;
    known.values.set(value, insertion);
    known.newest = insertion;
  }

  #evict(allowed: number): void {
    while (this.#used > allowed) {
      const entry = this.#entries[this.#oldest];
      if (entry === undefined) return;
      this.#oldest += 1;
      this.#used -= entry.size;
      this.#names.get(entry.name)?.values.delete(entry.value);
    }
    if (this.#oldest < 64 || this.#oldest * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#oldest);
    this.#dropped += this.#oldest;
    this.#oldest = 0;
  }

  #integer(pattern: number, prefix: number, value: number): void {
    const bytes = this.#bytes;
    if (value < prefix) {
      bytes[this.#length] = pattern | value;
      this.#length += 1;
      return;
    }
    bytes[this.#length] = pattern | prefix;
    this.#length += 1;
    let rest = value - prefix;
    for (; rest >= 0x80; rest >>>= 7) {
      bytes[this.#length] = (rest & 0x7f) | 0x80;
      this.#length += 1;
    }
    bytes[this.#length] = rest;
    this.#length += 1;
  }

  #name(name: string): void {
    this.#integer(0x00, 0x7f, name.length);
    this.#bytes.write(name, this.#length, 'latin1');
    this.#length += name.length;
  }

  #value(value: string): void {
    this.#integer(0x00, 0x7f, value.length);
    const bytes = this.#bytes;
    const start = this.#length;
    const length = value.length;
    for (let at = 0; at < length; at += 1) {
      const code = value.charCodeAt(at);
      if (FIELD[code] !== 1) throw new Error('the value of a header to write holds a character that it may not');
      bytes[start + at] = code;
    }
    if (length > 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)))) {
      throw new Error('the value of a header to write begins or ends with a blank');
    }
    this.#length = start + length;
  }

  #makeRoom(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const room = Buffer.allocUnsafeSlow(2 * (this.#length + count));
    this.#bytes.copy(room, 0, 0, this.#length);
    this.#bytes = room;
  }
}
