import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../proxy/protocols/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../proxy/protocols/http2/hpack-encoder.ts';
import { Http2Error } from '../../proxy/protocols/http2/http2-error.ts';
import { randomBlock, randomFields } from '../support/protocols/http2-random.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

const LIMITS = { maxHeaderListBytes: 2_000, maxHeaderCount: 20 };

function fuzz(run: (random: Random, what: string) => void): void {
  const until = Date.now() + (FUZZ_SECONDS * 1_000) / 2;
  for (let seed = FUZZ_SEED; Date.now() < until; seed += 1) run(seededRandom(seed), `FUZZ_SEED=${seed}`);
}

const NAMES = ['x-a', 'x-b', 'content-type', ':path', 'age', 'x-long-name-that-no-table-has'];

function makeValue(random: Random): string {
  const length = random.pick([0, 1, 5, 130, 600]);
  const text = Array.from({ length }, () => String.fromCharCode(random.pick([0x21, 0x61, 0x7e, 0x80, 0xff]))).join('');
  return random.below(2) === 0 ? text : `v${random.below(6)}`;
}

describe('HPACK', () => {
  it('decodes what it encodes, whatever the table does', { timeout: FUZZ_SECONDS * 1_000 + 30_000 }, () =>
    fuzz((random, what) => {
      const encoder = new HpackEncoder(random.pick([0, 100, 4_096, 20_000]));
      const decoder = new HpackDecoder({ maxHeaderListBytes: 1e6, maxHeaderCount: 1e3 });
      let allowed = 4_096;
      for (let blocks = 1 + random.below(30); blocks > 0; blocks -= 1) {
        if (random.below(5) === 0) {
          allowed = random.pick([0, 60, 500, 4_096, 10_000]);
          encoder.allowTable(allowed);
          decoder.limitTable(allowed);
        }
        const fields = Array.from({ length: random.below(8) }, () => [random.pick(NAMES), makeValue(random)] as const);
        const sensitive = new Set(random.below(3) === 0 ? [random.pick(NAMES)] : []);
        encoder.begin();
        for (const [name, value] of fields) encoder.field(name, value, sensitive.has(name));
        decoder.decode(encoder.bytes, 0, encoder.length);
        expect(
          decoder.fields.map(({ name, value }) => [name, value]),
          what,
        ).toEqual(fields);
        expect([...decoder.sensitive].toSorted(), what).toEqual(
          [...sensitive].filter((name) => fields.some(([n]) => n === name)),
        );
        expect(decoder.tableBytes, what).toBe(encoder.tableBytes);
        expect(encoder.tableBytes, what).toBeLessThanOrEqual(allowed);
      }
    }),
  );

  it('bears any bytes', { timeout: FUZZ_SECONDS * 1_000 + 30_000 }, () =>
    fuzz((random, what) => {
      const decoder = new HpackDecoder(LIMITS);
      try {
        for (let blocks = random.below(10); blocks > 0; blocks -= 1) {
          const bytes = Buffer.concat([
            randomBlock(random, randomFields(random)),
            Buffer.alloc(random.below(3), random.below(256)),
          ]);
          if (random.below(2) === 0) bytes[random.below(bytes.length)] = random.below(256);
          decoder.decode(bytes, 0, bytes.length);
          expect(decoder.fields.length, what).toBeLessThanOrEqual(20);
          expect(decoder.tableBytes, what).toBeLessThanOrEqual(4_096);
        }
      } catch (error) {
        if (!(error instanceof Http2Error)) throw error;
        expect(error.code, what).toBe('COMPRESSION_ERROR');
      }
    }),
  );
});
