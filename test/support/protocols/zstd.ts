import { spawnSync } from 'node:child_process';
import { seededRandom } from '../random.ts';
import { ZstdDecoder } from '../../../proxy/protocols/zstd/decoder.ts';

/** The reference implementation, as a program. */
export const HAS_ZSTD = spawnSync('zstd', ['--version']).status === 0;

export function compressZstd(body: Buffer, ...options: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('zstd', ['-q', '-c', ...options, '-'], {
    input: body,
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`zstd: ${String(stderr)}`);
  return stdout;
}

/** What comes out, and whether the stream may end there. @throws ZstdError */
export function decodeZstd(pieces: readonly Buffer[]): { body: Buffer; isWhole: boolean } {
  const decoder = new ZstdDecoder();
  const out: Buffer[] = [];
  for (const piece of pieces) {
    // The bytes are lent.
    const lent = Buffer.from(piece);
    for (const made of decoder.decode(lent)) out.push(made);
    lent.fill(0xee);
  }
  return { body: Buffer.concat(out), isWhole: decoder.isBetweenFrames };
}

/** Text of words that return, near and far, and some that do not. */
export function wordyText(bytes: number): Buffer {
  const random = seededRandom(7);
  const words = ['{"id":', '"the quick', 'brown fox",', 'null', '}\n', 'jumps over', 'sk-live-', 'data: '];
  let text = '';
  while (text.length < bytes) text += random.below(4) === 0 ? random.below(1e9).toString(36) : random.pick(words);
  return Buffer.from(text.slice(0, bytes));
}

/** A frame's head with this window (RFC 8878 3.1.1.1.2: `exponent` from 10), and blocks. */
export function zstdFrame(windowExponent: number, blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (windowExponent - 10) << 3]), ...blocks]);
}

/** A block of type 0 (raw), 1 (a run of one byte, `size` times) or 2. */
export function zstdBlock(type: number, size: number, bytes: Buffer, isLast = false): Buffer {
  const head = Buffer.alloc(3);
  head.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
  return Buffer.concat([head, bytes]);
}
