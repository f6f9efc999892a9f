const SLOTS = 16;
const MAX_BYTES = 512;

interface Slot<T> {
  hash: number;
  /** Of the decoder, when the block was read. */
  version: number;
  /** Undefined while the block was seen only once: what never repeats is not copied. */
  bytes: Buffer | undefined;
  value: T | undefined;
}

/**
 * Header blocks that were read before: the same octets on the same dynamic table (RFC 7541 2.2) mean the same. Only
 * blocks that leave the table as it is may be kept. What is found belongs to the memo: copy it before it can change.
 */
export class BlockMemo<T> {
  readonly #slots: Slot<T>[] = Array.from({ length: SLOTS }, () => emptySlot<T>());
  /** The slot of the last miss, in which keep() puts what that block turned out to mean. */
  #missed: Slot<T> | undefined;

  find(bytes: Buffer, start: number, end: number, version: number): T | undefined {
    this.#missed = undefined;
    const length = end - start;
    if (length > MAX_BYTES || length === 0) return undefined;
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
    const slot = this.#slots[(hash >>> 16) % SLOTS];
    if (slot === undefined) return undefined;
    if (slot.hash === hash && slot.version === version) {
      if (slot.bytes !== undefined && isSame(slot.bytes, bytes, start, length)) return slot.value;
      this.#missed = slot;
    } else {
      slot.hash = hash;
      slot.version = version;
      slot.bytes = undefined;
      slot.value = undefined;
    }
    return undefined;
  }

  /** Keeps what the block that find() did not know means, if it is the second time. */
  keep(bytes: Buffer, start: number, end: number, value: T): void {
    const slot = this.#missed;
    if (slot === undefined) return;
    slot.bytes = Buffer.from(bytes.subarray(start, end));
    slot.value = value;
  }
}

function emptySlot<T>(): Slot<T> {
  return { hash: 0, version: -1, bytes: undefined, value: undefined };
}

function isSame(known: Buffer, bytes: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[start + at]) return false;
  return true;
}
