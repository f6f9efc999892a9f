import type { BodyTransform } from '../../../proxy/credentials/body-transform.ts';
import { InjectionError } from '../../../proxy/credentials/injection-error.ts';

/** What comes out of a transform that is given the body in pieces of these sizes, round and round; or the reason. */
export function transformed(transform: BodyTransform, body: string | Buffer, sizes: readonly number[]): string {
  const bytes = Buffer.from(body);
  const out: Buffer[] = [];
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const size = sizes[turn % sizes.length] ?? 1;
      // Bytes are only lent: what is held must have been copied.
      const lent = Buffer.from(bytes.subarray(at, at + size));
      out.push(...transform.push(lent).map((piece) => Buffer.from(piece)));
      lent.fill(0x21);
      at += size;
    }
    out.push(...transform.end().map((piece) => Buffer.from(piece)));
  } catch (error) {
    if (error instanceof InjectionError) return error.reason;
    throw error;
  }
  return Buffer.concat(out).toString('utf8');
}

/** The same outcome for the whole body, byte by byte, and cut in two at every place. */
export function onEveryCut(make: () => BodyTransform, body: string | Buffer): string {
  const length = Buffer.byteLength(body);
  const whole = transformed(make(), body, [Math.max(1, length)]);
  for (const sizes of [[1], ...Array.from({ length: Math.max(0, length - 1) }, (_, at) => [at + 1, length])]) {
    const cut = transformed(make(), body, sizes);
    if (cut !== whole) throw new Error(`cut at ${sizes[0]} gives ${cut} instead of ${whole}`);
  }
  return whole;
}
