const NONE: readonly string[] = Object.freeze([]);
const NO_NAMES: ReadonlySet<string> = new Set();

/** A name in lower case, by which fields are asked for: so no text is gone through for each question. */
export type FieldName = Lowercase<string>;

export function fieldName(spelled: string): FieldName {
  return lowered(spelled) as FieldName;
}

/**
 * An ordered list of header fields (RFC 9110 5.2, 5.3). Names compare without regard to case; the spelling that
 * arrived is kept for forwarding. It holds what it is given: the readers check the bytes that come in and the
 * writers check the bytes that go out.
 */
export class HeaderList {
  /** `[lowerName, value, lowerName, value, ...]`, in order. Read it; change it only through the methods. */
  readonly raw: string[];
  /** The spelling of each name, in order: `names[i]` belongs to `raw[2 * i]`. */
  readonly names: string[];
  /** Names, `:path` and the like among them, that came as never indexed: so they have to go on (RFC 7541 6.2.3). */
  neverIndexed: ReadonlySet<string> = NO_NAMES;

  /** Adopts the two arrays without a copy; for the codecs, which build them in step. */
  constructor(raw: string[] = [], names: string[] = []) {
    this.raw = raw;
    this.names = names;
  }

  static from(pairs: Iterable<readonly [string, string]>): HeaderList {
    const list = new HeaderList();
    for (const [name, value] of pairs) list.append(name, value);
    return list;
  }

  /** The number of field lines. */
  get size(): number {
    return this.names.length;
  }

  /** The value of the first field of this name. */
  get(name: FieldName): string | undefined {
    const at = this.#find(name, 0);
    return at === -1 ? undefined : this.raw[at + 1];
  }

  /** The values of every field of this name, in order. */
  getAll(name: FieldName): readonly string[] {
    const { raw } = this;
    let values: string[] | undefined;
    for (let at = this.#find(name, 0); at !== -1; at = this.#find(name, at + 2))
      (values ??= []).push(raw[at + 1] ?? '');
    return values ?? NONE;
  }

  has(name: FieldName): boolean {
    return this.#find(name, 0) !== -1;
  }

  /** Replaces every field of this name by one, in the place and spelling of the first, or adds it at the end. */
  set(name: string, value: string): void {
    const lower = lowered(name);
    const at = this.#find(lower, 0);
    if (at === -1) {
      this.#add(name, lower, value);
      return;
    }
    this.raw[at + 1] = value;
    this.#remove(this.#find(lower, at + 2), (other) => other === lower);
  }

  append(name: string, value: string): void {
    this.#add(name, lowered(name), value);
  }

  /** Removes every field of this name; returns how many there were. */
  delete(name: FieldName): number {
    return this.#remove(this.#find(name, 0), (other) => other === name);
  }

  /** The same of these names, which are in lower case. */
  deleteAll(names: ReadonlySet<string>): number {
    const { raw } = this;
    for (let at = 0; at < raw.length; at += 2) {
      if (names.has(raw[at] ?? '')) return this.#remove(at, (name) => names.has(name));
    }
    return 0;
  }

  /** `[name as spelled, value]`, in order. */
  *entries(): IterableIterator<[string, string]> {
    for (const [index, name] of this.names.entries()) yield [name, this.raw[2 * index + 1] ?? ''];
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  clone(): HeaderList {
    const copy = new HeaderList(this.raw.slice(), this.names.slice());
    copy.neverIndexed = this.neverIndexed;
    return copy;
  }

  #find(lower: string, from: number): number {
    const { raw } = this;
    for (let at = from; at < raw.length; at += 2) {
      if (raw[at] === lower) return at;
    }
    return -1;
  }

  #add(name: string, lower: string, value: string): void {
    this.raw.push(lower, value);
    this.names.push(name);
  }

  /** Removes what is gone, of which the first stands there; -1: there is none. */
  #remove(first: number, isGone: (lower: string) => boolean): number {
    if (first === -1) return 0;
    const { raw, names } = this;
    let kept = first;
    for (let at = first; at < raw.length; at += 2) {
      const name = raw[at] ?? '';
      if (isGone(name)) continue;
      raw[kept] = name;
      raw[kept + 1] = raw[at + 1] ?? '';
      names[kept >> 1] = names[at >> 1] ?? '';
      kept += 2;
    }
    const removed = (raw.length - kept) >> 1;
    raw.length = kept;
    names.length = kept >> 1;
    return removed;
  }
}

/** Most names come in lower case already; `toLowerCase` allocates even then. */
function lowered(name: string): string {
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if ((code > 0x40 && code < 0x5b) || code > 0x7f) return name.toLowerCase();
  }
  return name;
}
