/** RFC 9659: a zstd frame sent as a content coding needs a window of at most 8 MiB. */
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
const MAGIC = 0xfd2fb528;
/** Magic, descriptor, window, dictionary id, content size: RFC 8878 section 3.1.1.1. */
const MAX_HEAD_BYTES = 18;
const BLOCK_HEAD_BYTES = 3;
const CHECKSUM_BYTES = 4;

/** What is wrong with the frames; the text is for the error's message. */
export type FrameFault = 'is not a zstd frame' | 'asks for too large a window' | 'has a malformed block';

interface FrameHead {
  readonly bytes: number;
  readonly windowBytes: number;
  readonly hasChecksum: boolean;
}

/**
 * Follows the frames and blocks of a zstd stream without decoding them, ahead of a decoder that would allocate
 * whatever window a frame asks for and move all of it for every block.
 */
export class ZstdFrames {
  readonly #head = Buffer.alloc(MAX_HEAD_BYTES);
  #headBytes = 0;
  #inFrame: FrameHead | undefined;
  #isLastBlock = false;
  #skip = 0;
  #movedBytes = 0;

  /** Bytes that the decoder moves within its windows for what was pushed so far. */
  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Whether the stream may end here. */
  get isBetweenFrames(): boolean {
    return this.#inFrame === undefined && this.#headBytes === 0 && this.#skip === 0;
  }

  push(bytes: Uint8Array): FrameFault | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, bytes.length - at);
        this.#skip -= taken;
        at += taken;
      } else {
        this.#head[this.#headBytes] = bytes[at] ?? 0;
        this.#headBytes += 1;
        at += 1;
        const fault = this.#inFrame === undefined ? this.#readFrameHead() : this.#readBlockHead(this.#inFrame);
        if (fault !== undefined) return fault;
      }
      if (this.#skip === 0 && this.#headBytes === 0 && this.#isLastBlock) this.#endFrame();
    }
    return undefined;
  }

  #endFrame(): void {
    this.#skip = this.#inFrame?.hasChecksum === true ? CHECKSUM_BYTES : 0;
    this.#inFrame = undefined;
    this.#isLastBlock = false;
  }

  #readFrameHead(): FrameFault | undefined {
    // Skippable frames have other magic numbers; no server sends them, so they are refused with everything else.
    if (this.#headBytes === 4 && this.#head.readUInt32LE(0) !== MAGIC) return 'is not a zstd frame';
    const head = readFrameHead(this.#head, this.#headBytes);
    if (head === undefined) return undefined;
    if (head.windowBytes > MAX_WINDOW_BYTES) return 'asks for too large a window';
    this.#inFrame = head;
    this.#headBytes = 0;
    return undefined;
  }

  /** RFC 8878 section 3.1.1.2: last-block bit, two bits of type, 21 bits of size; an RLE block holds one byte. */
  #readBlockHead(frame: FrameHead): FrameFault | undefined {
    if (this.#headBytes < BLOCK_HEAD_BYTES) return undefined;
    const value = this.#head.readUIntLE(0, BLOCK_HEAD_BYTES);
    const type = (value >> 1) & 3;
    if (type === 3) return 'has a malformed block';
    this.#isLastBlock = (value & 1) === 1;
    this.#skip = type === 1 ? 1 : value >> 3;
    this.#headBytes = 0;
    this.#movedBytes += frame.windowBytes;
    return undefined;
  }
}

/** The frame's head, or undefined while `length` bytes are too few. */
function readFrameHead(head: Buffer, length: number): FrameHead | undefined {
  if (length < 5) return undefined;
  const descriptor = head[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 8;
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  const bytes = sizeAt + sizeBytes;
  if (length < bytes) return undefined;
  const hasChecksum = (descriptor & 4) !== 0;
  if (isSingleSegment) return { bytes, hasChecksum, windowBytes: readContentSize(head, sizeAt, sizeBytes) };
  const exponent = 10 + ((head[5] ?? 0) >> 3);
  const windowBytes = 2 ** exponent + 2 ** (exponent - 3) * ((head[5] ?? 0) & 7);
  return { bytes, hasChecksum, windowBytes };
}

function readContentSize(head: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(head.readBigUInt64LE(at));
  return head.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}
