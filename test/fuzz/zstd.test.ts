import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ZstdError } from '../../proxy/protocols/zstd/zstd-error.ts';
import { compressZstd, decodeZstd, HAS_ZSTD, wordyText, zstdBlock, zstdFrame } from '../support/protocols/zstd.ts';
import { timeBox } from '../support/time-box.ts';

// Whatever an upstream says in zstd: what comes out is the same however it is cut, or it is refused by ZstdError alone.

const { seconds, runs } = timeBox(3);
const SAMPLES = HAS_ZSTD
  ? [
      [100, '-3'],
      [3_000, '-1'],
      [3_000, '-19'],
      [40_000, '-3'],
      // Frames of one segment, whose sizes take one, two and four bytes, and one behind another.
      [200, '--stream-size=200'],
      [3_000, '--stream-size=3000'],
      [70_000, '--stream-size=70000'],
    ].map(([size, option]) => compressZstd(wordyText(Number(size)), String(option)))
  : [zstdFrame(17, [zstdBlock(0, 9, Buffer.from('some data')), zstdBlock(1, 70, Buffer.from('x'), true)])];
SAMPLES.push(Buffer.concat(SAMPLES.slice(0, 2)));
const PATIENCE = { timeout: seconds * 1_000 + 60_000 };

/** Of what does not end, as much as came. */
function outcome(pieces: readonly Buffer[]): string {
  try {
    const { body, isWhole } = decodeZstd(pieces);
    return `${isWhole} ${body.toString('base64')}`;
  } catch (error) {
    if (!(error instanceof ZstdError)) throw error;
    return error.message;
  }
}

test('damaged bytes are refused or decoded, and nothing else', PATIENCE, () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...SAMPLES), damage, fc.nat(), (sample, changes, cut) => {
      const bytes = Buffer.from(sample);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const end = cut % bytes.length;
      expect(outcome([bytes.subarray(0, end), bytes.subarray(end)])).toBe(outcome([bytes]));
    }),
    runs,
  );
});

test('any head of a frame is', PATIENCE, () => {
  const head = fc.uint8Array({ minLength: 1, maxLength: 16 });
  fc.assert(
    fc.property(head, fc.nat(2), fc.nat(140_000), fc.nat(30), (bytes, type, size, cut) => {
      const block = zstdBlock(type, size, Buffer.alloc(type === 1 ? 1 : Math.min(size, 300), 7), true);
      const frame = Buffer.concat([Buffer.from('28b52ffd', 'hex'), bytes, block]);
      const end = Math.min(cut, frame.length);
      expect(outcome([frame.subarray(0, end), frame.subarray(end)])).toBe(outcome([frame]));
    }),
    runs,
  );
});

test('any bytes in a compressed block are', PATIENCE, () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const block = zstdBlock(2, bytes.length, Buffer.from(bytes), true);
      const frame = zstdFrame(17, [zstdBlock(0, 64, Buffer.alloc(64, 'history ')), block]);
      expect(outcome([frame.subarray(0, 50), frame.subarray(50)])).toBe(outcome([frame]));
    }),
    runs,
  );
});
