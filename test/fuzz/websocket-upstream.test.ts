import zlib from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';
import { frame } from '../support/protocols/websocket-frames.ts';
import { DEFLATE, playRelay, relayOf } from '../support/upstreams/websocket-relay.ts';

/** An upstream that means harm: what agents are told is well-formed, holds no secret, and does not hang on cuts or on how fast they read. */
const { seconds: SECONDS, runs: TIME_BOX } = timeBox();
const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom(SECRET, `é${SECRET}é`, SECRET.slice(0, 9), SECRET.slice(9), 'ab'.repeat(400)),
);
const content = fc.oneof(
  fc.array(text, { maxLength: 4 }).map((parts) => Buffer.from(parts.join(''))),
  fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.from(bytes)),
);
const message = fc.record({
  content,
  opcode: fc.constantFrom(1, 1, 2),
  isCompressed: fc.boolean(),
  sizes: fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 4 }),
});
const control = fc.record({ opcode: fc.constantFrom(8, 9, 9, 10, 10, 11), content });
const part = fc.oneof({ weight: 3, arbitrary: message }, { weight: 1, arbitrary: control });
type Part = typeof part extends fc.Arbitrary<infer Value> ? Value : never;

/** Compressed messages each on its own, which their neighbours in the window do not change. */
function framesOf(one: Part): Buffer {
  if (!('sizes' in one)) {
    const code = one.opcode === 8 ? Buffer.from([0x03, 0xe8]) : Buffer.alloc(0);
    return frame({ opcode: one.opcode, payload: Buffer.concat([code, one.content]).subarray(0, 125) });
  }
  const { content: plain, opcode, isCompressed, sizes } = one;
  const payload = isCompressed
    ? zlib.deflateRawSync(plain, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4)
    : plain;
  const pieces = payload.length === 0 ? [payload] : cutInto(payload, sizes);
  const frames = pieces.map((piece, at) =>
    frame({
      opcode: at === 0 ? opcode : 0,
      payload: piece,
      fin: at === pieces.length - 1,
      rsv1: isCompressed && at === 0,
    }),
  );
  return Buffer.concat(frames);
}

const limits = fc.record({
  maxWholeFrameBytes: fc.constantFrom(10, 100, 65_536),
  maxMessageBytes: fc.constantFrom(60, 900, 1_000_000),
  maxFragments: fc.constantFrom(3, 1_000),
  maxControlsInRow: fc.constantFrom(2, 1_000),
});

function told(pieces: readonly Buffer[], options: Parameters<typeof relayOf>[0]) {
  const relay = relayOf({ secrets: [SECRET], deflate: DEFLATE, ...options });
  const out: Buffer[] = [];
  const take = (): void => {
    for (let taken = relay.takeForAgent(); taken.length > 0; taken = relay.takeForAgent()) out.push(...taken);
  };
  for (const piece of pieces) {
    relay.fromUpstream(piece);
    take();
  }
  relay.upstreamEnded();
  take();
  const { messages, closeCode, rest } = playRelay('agent', out);
  expect(Buffer.concat(out).includes(SECRET)).toBe(false);
  const heard = messages.map(({ type, bytes }) => `${type} ${bytes.toString('latin1')}`);
  // Why it ended hangs on the cuts: of what is too long, broken and broken off, pieces tell the one before the other.
  return { said: { heard, closeCode, rest }, by: relay.ending };
}

test('agents of a hostile upstream', { timeout: (SECONDS + 60) * 1000 }, () => {
  const counts = { whole: 0, 'upstream-fault': 0, masked: 0 };
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 });
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });
  const property = fc.property(
    fc.array(part, { minLength: 1, maxLength: 6 }),
    flips,
    cuts,
    limits,
    fc.constantFrom(1, 100, 262_144),
    (parts, changes, sizes, least, maxPendingBytes) => {
      const stream = Buffer.concat(parts.map(framesOf));
      for (const [at, value] of changes) stream[at % stream.length] = value;
      const { said, by } = told([Buffer.from(stream)], { limits: least });
      const cut = told(cutInto(stream, sizes), { limits: { ...least, maxPendingBytes } });
      expect(cut.said).toEqual(said);
      expect(said.rest).toBe(0);
      expect(said.heard.filter((text) => text.includes(SECRET))).toEqual([]);
      counts[by === 'upstream-fault' ? 'upstream-fault' : 'whole'] += 1;
      if (said.heard.some((text) => text.includes('*'.repeat(SECRET.length)))) counts.masked += 1;
    },
  );
  fc.assert(property, TIME_BOX);
  console.log(JSON.stringify(counts));
  const all = Object.values(counts);
  if (all.reduce((sum, count) => sum + count) > 300) expect(Math.min(...all), 'it gets everywhere').toBeGreaterThan(0);
});
