import { BlockDecoder } from './blocks.ts';
import { type FrameHead, readFrameHead } from './frame-head.ts';
import { MAX_BLOCK_BYTES } from './literals.ts';
import { ZstdError } from './zstd-error.ts';

/** RFC 9659: a zstd frame sent as a content coding needs a window of at most 8 MiB. */
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
/** Magic, descriptor, window, dictionary id, content size (RFC 8878 3.1.1.1). */
const MAX_HEAD_BYTES = 18;
const BLOCK_HEAD_BYTES = 3;
const CHECKSUM_BYTES = 4;
/** What the encoder calls a block (RFC 8878 3.1.1.2.2). */
const BlockType = { raw: 0, run: 1, compressed: 2 } as const;

type State =
  | { readonly name: 'frame-head' }
  | { readonly name: 'block-head'; readonly blocks: BlockDecoder; readonly frame: FrameHead }
  | {
      readonly name: 'block';
      readonly blocks: BlockDecoder;
      readonly frame: FrameHead;
      readonly type: number;
      /** Of what it makes, for a run; else of the block. */
      readonly size: number;
      readonly isLast: boolean;
    }
  | { readonly name: 'checksum' };

/**
 * Decodes a zstd stream (RFC 8878) from pieces cut anywhere, block by block. Frames may follow one another; skippable ones, which no server
 * sends, are refused. The checksum is not looked at: what was made is on its way before it comes.
 */
export class ZstdDecoder {
  #state: State = { name: 'frame-head' };
  /** What is read of the present part: a head, a block or a checksum. */
  #part = Buffer.allocUnsafe(MAX_HEAD_BYTES);
  #partBytes = 0;

  /** Whether the stream may end here. */
  get isBetweenFrames(): boolean {
    return this.#state.name === 'frame-head' && this.#partBytes === 0;
  }

  /** What this piece makes, a copy a block. @throws ZstdError, in the middle of it too */
  *decode(bytes: Buffer): Generator<Buffer, void, undefined> {
    for (let at = 0; at < bytes.length; ) {
      const wanted = this.#wanted();
      const taken = Math.min(wanted - this.#partBytes, bytes.length - at);
      this.#hold(bytes.subarray(at, at + taken), wanted);
      at += taken;
      if (this.#partBytes < wanted) continue;
      const made = this.#step(this.#part.subarray(0, wanted));
      if (made !== undefined && made.length > 0) yield made;
    }
  }

  /** Bytes after which there is something to do. */
  #wanted(): number {
    const state = this.#state;
    switch (state.name) {
      case 'frame-head':
        // Its length shows byte by byte.
        return this.#partBytes + 1;
      case 'block-head':
        return BLOCK_HEAD_BYTES;
      case 'block':
        return state.type === BlockType.run ? 1 : state.size;
      case 'checksum':
        return CHECKSUM_BYTES;
    }
  }

  #hold(bytes: Buffer, wanted: number): void {
    if (this.#part.length < wanted) this.#part = Buffer.allocUnsafe(MAX_BLOCK_BYTES);
    bytes.copy(this.#part, this.#partBytes);
    this.#partBytes += bytes.length;
  }

  #step(part: Buffer): Buffer | undefined {
    const state = this.#state;
    switch (state.name) {
      case 'frame-head':
        this.#readFrame(part);
        return undefined;
      case 'block-head':
        this.#partBytes = 0;
        return this.#readBlockHead(state, part.readUIntLE(0, BLOCK_HEAD_BYTES));
      case 'block': {
        this.#partBytes = 0;
        const made = decodeBlock(state, part);
        this.#behindBlock(state);
        return made;
      }
      case 'checksum':
        this.#partBytes = 0;
        this.#state = { name: 'frame-head' };
        return undefined;
    }
  }

  #readFrame(part: Buffer): void {
    const frame = readFrameHead(part);
    if (frame === undefined) return;
    if (frame.windowBytes > MAX_WINDOW_BYTES) throw new ZstdError('a frame that asks for too large a window');
    this.#partBytes = 0;
    this.#state = { name: 'block-head', frame, blocks: new BlockDecoder(frame.windowBytes) };
  }

  /** RFC 8878 3.1.1.2: last-block bit, two bits of type, 21 bits of size. */
  #readBlockHead({ blocks, frame }: Extract<State, { name: 'block-head' }>, head: number): undefined {
    const block = { blocks, frame, type: (head >> 1) & 3, size: head >> 3, isLast: (head & 1) === 1 };
    if (block.type > BlockType.compressed || block.size > MAX_BLOCK_BYTES) throw new ZstdError('a malformed block');
    if (block.size > 0 || block.type === BlockType.run) this.#state = { name: 'block', ...block };
    else if (block.type === BlockType.compressed) throw new ZstdError('a malformed block');
    else this.#behindBlock(block);
  }

  #behindBlock({
    blocks,
    frame,
    isLast,
  }: Pick<Extract<State, { name: 'block' }>, 'blocks' | 'frame' | 'isLast'>): void {
    if (!isLast) this.#state = { name: 'block-head', blocks, frame };
    else this.#state = frame.hasChecksum ? { name: 'checksum' } : { name: 'frame-head' };
  }
}

function decodeBlock({ blocks, type, size }: Extract<State, { name: 'block' }>, part: Buffer): Buffer {
  if (type === BlockType.raw) return blocks.raw(part);
  if (type === BlockType.run) return blocks.run(part[0] ?? 0, size);
  return blocks.compressed(part);
}
