import zlib from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createContentDecoder } from '../../proxy/credentials/scrubbing/decode-content.ts';
import { decodeOrRefuse } from '../support/protocols/decoding.ts';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';
import { zstdBlock, zstdFrame } from '../support/protocols/zstd.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(2);
const DEADLINE_MS = (SECONDS + 60) * 1000;

/** Each coding as senders make it. */
const CODERS: Readonly<Record<string, readonly ((body: Buffer) => Buffer)[]>> = {
  gzip: [
    (body) => zlib.gzipSync(body),
    (body) => Buffer.concat([zlib.gzipSync(body.subarray(0, 9)), zlib.gzipSync(body.subarray(9))]),
  ],
  deflate: [(body) => zlib.deflateSync(body), (body) => zlib.deflateRawSync(body)],
  br: [(body) => zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
  zstd: [(body) => zstdFrame(17, [zstdBlock(0, body.length, body, true)])],
};
const coding = fc.constantFrom(...Object.keys(CODERS));
const codings = fc.array(fc.tuple(coding, fc.nat(1)), { minLength: 1, maxLength: 2 });
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.string({ maxLength: 20 }), fc.nat({ max: 2_000 }))
    .map(([text, times]) => Buffer.from(text.repeat(times))),
);
const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 });

function coded(bytes: Buffer, list: readonly (readonly [string, number])[]): Buffer {
  return list.reduce((inner, [name, way]) => (CODERS[name]?.[way] ?? CODERS[name]?.[0])?.(inner) ?? inner, bytes);
}

const decoderOf = (list: readonly (readonly [string, number])[]) =>
  createContentDecoder(list.map(([name]) => name).join(', '));

test('bodies in any coding, or two, are decoded on every cut', { timeout: DEADLINE_MS }, () => {
  const property = fc.asyncProperty(body, codings, cuts, async (bytes, list, sizes) => {
    expect(await decodeOrRefuse(decoderOf(list), cutInto(coded(bytes, list), sizes))).toEqual(bytes);
  });
  return fc.assert(property, TIME_BOX);
});

test('damaged ones are decoded or refused, whatever the cuts', { timeout: DEADLINE_MS }, () => {
  const counts = { decoded: 0, refused: 0 };
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
  const property = fc.asyncProperty(body, codings, damage, fc.nat(), cuts, async (plain, list, changes, end, sizes) => {
    const whole = coded(plain, list);
    for (const [at, byte] of changes) whole[at % whole.length] = byte;
    const bytes = end % 3 === 0 ? whole.subarray(0, end % (whole.length + 1)) : whole;
    const once = await decodeOrRefuse(decoderOf(list), bytes.length === 0 ? [] : [bytes]);
    expect(await decodeOrRefuse(decoderOf(list), cutInto(bytes, sizes))).toEqual(once);
    counts[once === undefined ? 'refused' : 'decoded'] += 1;
  });
  return fc.assert(property, TIME_BOX).then(() => console.log(JSON.stringify(counts)));
});
