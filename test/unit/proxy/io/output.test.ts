import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Output } from '../../../../proxy/io/output.ts';

function written(fill: (output: Output) => void): { bytes: Buffer; writes: number } {
  const socket = new PassThrough();
  let writes = 0;
  const write = socket.write.bind(socket);
  socket.write = ((...parts: Parameters<typeof write>) => {
    writes += 1;
    return write(...parts);
  }) as typeof socket.write;
  fill(new Output(socket));
  return { bytes: socket.read() ?? Buffer.alloc(0), writes };
}

describe('Output', () => {
  it('writes text of every byte as latin1, alone and joined with bytes', () => {
    const text = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    const alone = written((output) => {
      output.addText(text);
      output.flush();
    });
    expect(alone).toEqual({ bytes: Buffer.from(text, 'latin1'), writes: 1 });
    const joined = written((output) => {
      output.addText(text);
      output.add(Buffer.from([1, 2]));
      output.addText('end');
      output.flush();
      output.flush();
    });
    expect(joined).toEqual({ bytes: Buffer.concat([alone.bytes, Buffer.from([1, 2]), Buffer.from('end')]), writes: 1 });
  });

  it('copies what is lent, and keeps the order of what is too much to join', () => {
    const lent = Buffer.from('abc');
    const copied = written((output) => {
      output.addLent(lent);
      output.flush();
      lent.fill(0);
    });
    expect(copied.bytes.toString()).toBe('abc');
    const large = Buffer.alloc(20_000, 'x');
    const apart = written((output) => {
      output.addText('head ');
      output.add(large);
      output.flush();
    });
    expect(apart.bytes.equals(Buffer.concat([Buffer.from('head '), large]))).toBe(true);
  });
});
