import { ZstdError } from './zstd-error.ts';

const MAGIC = 0xfd2fb528;

export interface FrameHead {
  readonly windowBytes: number;
  readonly hasChecksum: boolean;
}

/** Reads a frame's head (RFC 8878 3.1.1.1), or undefined while there are too few bytes; never gives it more than it has. @throws ZstdError */
export function readFrameHead(head: Buffer): FrameHead | undefined {
  if (head.length < 4) return undefined;
  if (head.readUInt32LE(0) !== MAGIC) throw new ZstdError('no frame of zstd');
  const descriptor = head[4];
  if (descriptor === undefined) return undefined;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 8;
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  if (head.length < sizeAt + sizeBytes) return undefined;
  if (dictionaryBytes > 0 && head.readUIntLE(sizeAt - dictionaryBytes, dictionaryBytes) !== 0) {
    throw new ZstdError('a frame that needs a dictionary');
  }
  const hasChecksum = (descriptor & 4) !== 0;
  if (isSingleSegment) return { hasChecksum, windowBytes: readContentSize(head, sizeAt, sizeBytes) };
  const window = head[5] ?? 0;
  const base = 2 ** (10 + (window >> 3));
  return { hasChecksum, windowBytes: base + (base / 8) * (window & 7) };
}

function readContentSize(head: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(head.readBigUInt64LE(at));
  return head.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}
