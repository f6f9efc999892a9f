import { expect, test } from 'vitest';
import type { ContentDecoder } from '../../../../proxy/credentials/decode-content.ts';
import { DecodingPump } from '../../../../proxy/http/decoding-pump.ts';

test('A-53 a body that comes byte by byte costs the decoder few steps', async () => {
  let steps = 0;
  const decoder: ContentDecoder = {
    async *decode(chunk) {
      steps += 1;
      yield chunk;
    },
    async *end() {},
    close: () => {},
  };
  const out: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const pump = new DecodingPump(decoder, {
      take: (bytes) => out.push(Buffer.from(bytes)) > 0,
      ready: () => {},
      finished: resolve,
      failed: reject,
    });
    const lent = Buffer.alloc(1);
    for (let at = 0; at < 20_000; at += 1) {
      lent[0] = at;
      pump.write(lent);
    }
    pump.end();
  });
  expect(Buffer.concat(out).equals(Buffer.from(Array.from({ length: 20_000 }, (_, at) => at & 255)))).toBe(true);
  expect(steps).toBeLessThan(12);
});
