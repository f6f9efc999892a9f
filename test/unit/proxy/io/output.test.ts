import { type Duplex, PassThrough, Writable } from 'node:stream';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { giveSlab, takeSlab } from '../../../../common/slabs.ts';
import { Output } from '../../../../proxy/io/output.ts';
import { turnEnd } from '../../../support/turn-end.ts';

/** All that there is to read: from Node 26 on, `read()` gives a chunk of it. */
function readAll(socket: PassThrough): Buffer {
  const chunks: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a socket was given until the end of the turn in which `fill` ran. */
async function written(fill: (output: Output) => void): Promise<{ bytes: Buffer; writes: number }> {
  const socket = new PassThrough();
  let writes = 0;
  const write = socket.write.bind(socket);
  socket.write = ((...parts: Parameters<typeof write>) => {
    writes += 1;
    return write(...parts);
  }) as typeof socket.write;
  fill(new Output(socket));
  await turnEnd();
  return { bytes: readAll(socket), writes };
}

const TEXT_BYTES = 64 * 1024;

describe('Output', () => {
  it('writes text of every byte as latin1, alone and joined with bytes', async () => {
    const text = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    const alone = await written((output) => {
      output.addText(text);
      output.flush();
    });
    expect(alone).toEqual({ bytes: Buffer.from(text, 'latin1'), writes: 1 });
    const joined = await written((output) => {
      output.addText(text);
      output.add(Buffer.from([1, 2]));
      output.addText('end');
      output.flush();
      output.flush();
    });
    expect(joined).toEqual({ bytes: Buffer.concat([alone.bytes, Buffer.from([1, 2]), Buffer.from('end')]), writes: 1 });
  });

  it('copies what is lent, and keeps the order of what is too much to join', async () => {
    const lent = Buffer.from('abc');
    const copied = await written((output) => {
      output.addLent(lent);
      output.flush();
      lent.fill(0);
    });
    expect(copied.bytes.toString()).toBe('abc');
    const large = Buffer.alloc(20_000, 'x');
    const apart = await written((output) => {
      output.addText('head ');
      output.add(large);
      output.flush();
    });
    expect(apart.bytes.equals(Buffer.concat([Buffer.from('head '), large]))).toBe(true);
  });

  it.each([10, 5_000, 16_383, 16_384, 20_481, 100_000])(
    'copies %i bytes at once, into memory that serves others once they were written',
    async (size) => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, at) => at % 251));
      const written: Buffer[] = [];
      const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
        written.push(Buffer.from(chunk));
        done();
      };
      const output = new Output(new Writable({ write, highWaterMark: 1_000_000 }) as Duplex);
      const next = takeSlab();
      giveSlab(next);
      for (let time = 0; time < 5; time += 1) {
        const lent = Buffer.from(bytes);
        output.addText('head ');
        output.addCopy(lent);
        lent.fill(0);
        output.flush();
        await turnEnd();
        expect(Buffer.concat(written.splice(0)).equals(Buffer.concat([Buffer.from('head '), bytes]))).toBe(true);
        const spare = Array.from({ length: 10 }, () => takeSlab());
        expect(spare.some(({ buffer }) => buffer === next.buffer)).toBe(true);
        expect(new Set(spare.map(({ buffer }) => buffer)).size).toBe(10);
        for (const slab of spare.reverse()) giveSlab(slab);
      }
    },
  );

  it('writes little once, at the end of the turn, behind nothing that came later', async () => {
    const socket = new PassThrough();
    const output = new Output(socket);
    output.addText('one ');
    output.flush();
    expect(socket.read()).toBeNull();
    output.addText('two ');
    output.flush();
    output.flushNow();
    socket.write('three');
    expect(String(readAll(socket))).toBe('one two three');
    await turnEnd();
    expect(socket.read()).toBeNull();
  });

  it('writes much at once, with what waited before it', () => {
    const socket = new PassThrough();
    const output = new Output(socket);
    output.addText('head ');
    output.flush();
    output.add(Buffer.alloc(20_000, 'x'));
    output.flush();
    expect(String(readAll(socket))).toBe(`head ${'x'.repeat(20_000)}`);
  });

  it('drops what a destroyed socket can no longer take', async () => {
    const socket = new PassThrough();
    const output = new Output(socket);
    output.addText('late');
    output.flush();
    socket.destroy();
    await turnEnd();
    expect(output.flush()).toBe(true);
  });

  it('leaves nothing of what it wrote to the next full collection, however long it is kept', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as (how: { type: 'minor' | 'major' }) => void;
    const output = new Output({ write: () => true } as unknown as Duplex);
    const text = Buffer.alloc(TEXT_BYTES, 'x');
    const write = (): void => {
      // A string of its own, in the young generation.
      output.addText(text.toString('latin1'));
      output.flushNow();
    };
    const writeOften = (times: number): void => {
      for (let time = 0; time < times; time += 1) {
        write();
        // What outlives two is old.
        collect({ type: 'minor' });
        collect({ type: 'minor' });
      }
    };
    const oldBytes = (): number =>
      getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0;
    writeOften(5);
    const before = oldBytes();
    writeOften(50);
    expect(oldBytes() - before).toBeLessThan(25 * TEXT_BYTES);
  });
});
