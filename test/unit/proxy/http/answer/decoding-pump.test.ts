import { describe, expect, test } from 'vitest';
import type { ContentDecoder } from '../../../../../proxy/credentials/scrubbing/decode-content.ts';
import { DecodingPump, type DecodingSink } from '../../../../../proxy/http/answer/decoding-pump.ts';

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

test('what the sink cannot end has failed', async () => {
  const decoder: ContentDecoder = { async *decode() {}, async *end() {}, close: () => {} };
  const refused = new Error('the list does not end');
  const failure = await new Promise<unknown>((failed) => {
    const finished = (): void => {
      throw refused;
    };
    new DecodingPump(decoder, { take: () => true, ready: () => {}, finished, failed }).end();
  });
  expect(failure).toBe(refused);
});

describe('a decoder is closed once', () => {
  const never: DecodingSink = { take: () => true, ready: () => {}, finished: () => {}, failed: () => {} };
  const closes = (decode: ContentDecoder['decode']): ContentDecoder & { closed: number } => ({
    closed: 0,
    decode,
    async *end() {},
    close() {
      this.closed += 1;
    },
  });

  test('when the body has ended', async () => {
    const decoder = closes(async function* (chunk) {
      yield chunk;
    });
    await new Promise<void>((finished) => new DecodingPump(decoder, { ...never, finished }).end());
    expect(decoder.closed).toBe(1);
  });

  test('when it fails', async () => {
    const decoder = closes(() => {
      throw new Error('no gzip');
    });
    await new Promise<unknown>((failed) => new DecodingPump(decoder, { ...never, failed }).write(Buffer.of(1)));
    expect(decoder.closed).toBe(1);
  });

  test('when the call ends before', () => {
    const decoder = closes(async function* (chunk) {
      yield chunk;
    });
    const pump = new DecodingPump(decoder, never);
    pump.write(Buffer.of(1));
    pump.close();
    pump.close();
    expect(decoder.closed).toBe(1);
  });
});
