import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { takeSlab } from '../../../../common/slabs.ts';
import { writeCopy, writeSlab } from '../../../../proxy/io/copied-write.ts';
import { FrameWriter } from '../../../../proxy/io/frame-writer.ts';
import type { Http2Connection } from '../../../../proxy/sessions/http2/connection.ts';
import { FrameBuffer } from '../../../../proxy/sessions/http2/frame-buffer.ts';
import { type Random, seededRandom } from '../../../support/random.ts';
import { FUZZ_SEED } from '../../../support/time-box.ts';
import { turnEnd } from '../../../support/turn-end.ts';

/** Looks at what it was given only when it says that it is written, as a kernel whose buffer is full does. */
class SlowSink extends Duplex {
  readonly seen: Buffer[] = [];
  #pending: (() => void) | undefined;

  override _read(): void {}

  override _writev(chunks: { chunk: Buffer }[], written: (error?: Error | null) => void): void {
    this.#pending = () => {
      for (const { chunk } of chunks) this.seen.push(Buffer.from(chunk));
      written();
    };
  }

  /** Whether there was something to write. */
  writeSome(): boolean {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
    return pending !== undefined;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.seen);
  }
}

function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = random.below(256);
  return bytes;
}

describe('writeCopy', () => {
  it('gives each of several slow sockets its own bytes, whatever the others write meanwhile', async () => {
    const random = seededRandom(FUZZ_SEED);
    const sinks = Array.from({ length: 4 }, () => ({ sink: new SlowSink(), sent: [] as Buffer[] }));
    for (let step = 0; step < 400; step += 1) {
      const { sink, sent } = random.pick(sinks);
      if (random.below(2) === 0) sink.writeSome();
      const lent = randomBytes(random, random.below(random.pick([10, 20_000, 70_000])));
      const head = randomBytes(random, random.below(500)).toString('latin1');
      sent.push(Buffer.from(head, 'latin1'), Buffer.from(lent));
      writeCopy(sink, [head, lent], head.length + lent.length);
      lent.fill(0);
      await turnEnd();
    }
    for (const { sink, sent } of sinks) {
      while (sink.writeSome()) await turnEnd();
      expect(sink.bytes.equals(Buffer.concat(sent))).toBe(true);
    }
  });

  it('gives a slab back when it is written, and never when that failed', async () => {
    const sink = new SlowSink();
    sink.on('error', () => {});
    const [written, failed] = [takeSlab(), takeSlab()];
    writeSlab(sink, written.subarray(0, 5));
    expect(takeSlab().buffer).not.toBe(written.buffer);
    sink.writeSome();
    await turnEnd();
    expect(takeSlab().buffer).toBe(written.buffer);
    writeSlab(sink, failed);
    sink.destroy(new Error('gone'));
    await turnEnd();
    expect(takeSlab().buffer).not.toBe(failed.buffer);
  });
});

it('what an HTTP/2 connection says stays as it was until it is written, whatever other connections say meanwhile', async () => {
  const random = seededRandom(FUZZ_SEED);
  const made = Array.from({ length: 3 }, () => {
    const frames = new FrameBuffer();
    const said: Buffer[] = [];
    const takeOutput = (): Buffer[] => {
      const pieces = frames.take();
      said.push(...pieces.map((piece) => Buffer.from(piece)));
      return pieces;
    };
    const sink = new SlowSink({ highWaterMark: 1_000_000 });
    const writer = new FrameWriter(sink, { takeOutput } as Http2Connection);
    return { frames, sink, said, writer };
  });
  for (let step = 0; step < 600; step += 1) {
    const { frames, sink, writer } = random.pick(made);
    const body = randomBytes(random, random.below(random.pick([20, 5_000, 16_385])));
    frames.data(1 + 2 * random.below(3), body, 0, body.length, false, 16_384);
    if (random.below(3) === 0) frames.numbers(8, 0, random.below(1_000));
    if (random.below(2) === 0) writer.flush();
    if (random.below(3) === 0) sink.writeSome();
    await turnEnd();
  }
  for (const { sink, said, writer } of made) {
    writer.flush();
    while (sink.writeSome()) await turnEnd();
    expect(said.length).toBeGreaterThan(50);
    expect(sink.bytes.equals(Buffer.concat(said))).toBe(true);
  }
});
