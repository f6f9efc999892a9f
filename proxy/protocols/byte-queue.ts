const NOTHING = Buffer.alloc(0);
const FIRST_SCRATCH_BYTES = 1_024;

/**
 * Bytes that arrived and are not read yet. Reading gives views, not copies; only a head that is spread over several
 * arrivals is copied together, into room that doubles, so that bytes arriving one by one cost linear time.
 */
export class ByteQueue {
  #front: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** Whether #front is our own room, which may be written behind #end. Bytes once handed out are never rewritten. */
  #owned = false;
  #behind: Buffer[] = [];
  #next = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#length === 0) this.#open(bytes);
    else this.#behind.push(bytes);
    this.#length += bytes.length;
  }

  /** The bytes that lie together at the front: `front[start .. end)`. */
  get front(): Buffer {
    return this.#front;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** Drops bytes from the front; no more than lie together there. */
  skip(count: number): void {
    this.#start += count;
    this.#length -= count;
    if (this.#start === this.#end) this.#advance();
  }

  /** Up to `max` bytes that lie together at the front, as a view; the queue must not be empty. */
  take(max: number): Buffer {
    const start = this.#start;
    const count = Math.min(max, this.#end - start);
    const bytes = this.#front.subarray(start, start + count);
    this.skip(count);
    return bytes;
  }

  /** Makes the first `max` bytes, or all if there are fewer, lie together at the front. */
  gather(max: number): void {
    while (this.#next < this.#behind.length && this.#end - this.#start < max) {
      const chunk = this.#behind[this.#next];
      if (chunk === undefined) return;
      const count = Math.min(chunk.length, max - (this.#end - this.#start));
      this.#makeRoom(count);
      chunk.copy(this.#front, this.#end, 0, count);
      this.#end += count;
      if (count === chunk.length) this.#drop();
      else this.#behind[this.#next] = chunk.subarray(count);
    }
  }

  /** Copies what is unread out of the arrived buffers, so that their owner may write over them. */
  detach(): void {
    if (this.#behind.length > 0) return this.gather(this.#length);
    if (this.#owned || this.#length === 0) return;
    const unread = Buffer.allocUnsafe(this.#end - this.#start);
    this.#front.copy(unread, 0, this.#start, this.#end);
    this.#open(unread);
    this.#owned = true;
  }

  /** Everything that is unread; the queue is empty afterwards. */
  takeAll(): Buffer {
    if (this.#length === 0) return NOTHING;
    const first = this.#front.subarray(this.#start, this.#end);
    const all = this.#behind.length === 0 ? first : Buffer.concat([first, ...this.#behind.slice(this.#next)]);
    this.#open(NOTHING);
    this.#behind = [];
    this.#next = 0;
    this.#length = 0;
    return all;
  }

  #open(bytes: Buffer): void {
    this.#front = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#owned = false;
  }

  #advance(): void {
    const next = this.#behind[this.#next];
    if (next === undefined) {
      this.#open(NOTHING);
      return;
    }
    this.#open(next);
    this.#drop();
  }

  /** Forgets the first chunk behind the front; the array is cut now and then, which keeps it linear. */
  #drop(): void {
    this.#next += 1;
    if (this.#next === this.#behind.length) {
      this.#behind = [];
      this.#next = 0;
    } else if (this.#next === 1_024) {
      this.#behind = this.#behind.slice(this.#next);
      this.#next = 0;
    }
  }

  #makeRoom(count: number): void {
    const held = this.#end - this.#start;
    if (this.#owned && this.#end + count <= this.#front.length) return;
    const room = Buffer.allocUnsafeSlow(Math.max(FIRST_SCRATCH_BYTES, 2 * (held + count)));
    this.#front.copy(room, 0, this.#start, this.#end);
    this.#front = room;
    this.#start = 0;
    this.#end = held;
    this.#owned = true;
  }
}
