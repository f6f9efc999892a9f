import zlib from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';
import { frame } from '../support/protocols/websocket-frames.ts';
import { DEFLATE, playRelay, relayOf } from '../support/upstreams/websocket-relay.ts';
import { hearAsWs } from '../support/protocols/ws-oracle.ts';

/** Compressed messages as real senders make them (RFC 7692), with what may stand between their fragments, and damaged ones. */
const { seconds: SECONDS, runs: TIME_BOX } = timeBox(2);
const TIMEOUT_MS = (SECONDS + 60) * 1000;
const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm';
const { Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FIXED, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_DEFAULT_STRATEGY } = zlib.constants;

const message = fc.record({
  text: fc.array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 30 }),
      fc.constantFrom(SECRET, 'a'.repeat(300), 'abc'.repeat(90)),
    ),
    { maxLength: 5 },
  ),
  isBinary: fc.boolean(),
  isCompressed: fc.boolean(),
  level: fc.constantFrom(0, 1, 6, 9),
  strategy: fc.constantFrom(Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED),
  /** Flushed in the middle, so that it is of several blocks. */
  flush: fc.constantFrom(undefined, Z_SYNC_FLUSH, Z_FULL_FLUSH),
  fragments: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
  control: fc.constantFrom(undefined, undefined, 9, 10),
});
type Message = typeof message extends fc.Arbitrary<infer Value> ? Value : never;
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

/** What zlib makes of the text with what was compressed before it as its window. */
function deflated({ text, level, strategy, flush }: Message, before: Buffer): Buffer {
  const options = { level, strategy, finishFlush: Z_SYNC_FLUSH, ...(before.length > 0 ? { dictionary: before } : {}) };
  const parts = text.map((part) => Buffer.from(part));
  if (flush === undefined) return zlib.deflateRawSync(Buffer.concat(parts), options).subarray(0, -4);
  const first = Buffer.concat(parts.slice(0, 1));
  const window = Buffer.concat([before, first]);
  const rest = { ...options, ...(window.length > 0 ? { dictionary: window } : {}) };
  return Buffer.concat([
    zlib.deflateRawSync(first, { ...options, finishFlush: flush }),
    zlib.deflateRawSync(Buffer.concat(parts.slice(1)), rest).subarray(0, -4),
  ]);
}

function* framesOf(messages: readonly Message[], takeover: boolean, key: number | undefined): Generator<Buffer> {
  let window: Buffer = Buffer.alloc(0);
  for (const one of messages) {
    const plain = Buffer.from(one.text.join(''));
    const payload = one.isCompressed ? deflated(one, window) : plain;
    if (one.isCompressed && takeover) window = Buffer.concat([window, plain]);
    const pieces = payload.length === 0 ? [payload] : cutInto(payload, one.fragments);
    const masked = key === undefined ? {} : { key };
    for (const [at, piece] of pieces.entries()) {
      const opcode = at > 0 ? 0 : one.isBinary ? 2 : 1;
      const rsv1 = one.isCompressed && at === 0;
      yield frame({ opcode, payload: piece, fin: at === pieces.length - 1, rsv1, ...masked });
      if (one.control !== undefined) yield frame({ opcode: one.control, payload: 'still there', ...masked });
    }
  }
}

test(
  'the relay takes compressed messages from an agent as `ws` does, damaged ones too',
  async () => {
    const counts = { whole: 0, refused: 0, damaged: 0 };
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 });
    const list = fc.array(message, { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(list, flips, fc.nat(), cuts, async (messages, changes, key, sizes) => {
      const stream = Buffer.concat([...framesOf(messages, true, key)]);
      for (const [at, value] of changes) stream[at % stream.length] = value;
      const theirs = await hearAsWs(Buffer.from(stream), true);
      const relay = relayOf({ deflate: DEFLATE });
      for (const piece of cutInto(stream, sizes)) relay.fromAgent(piece);
      const passed = Buffer.concat(relay.takeForUpstream());
      const ours = await hearAsWs(Buffer.from(passed), true);
      if (relay.ending === 'agent-fault') {
        const { closeReason } = playRelay('agent', relay.takeForAgent());
        counts.refused += 1;
        // Text that is not compressed is checked as it comes, by `ws` at the message's end.
        const isStricter = /not encoded shortly|not UTF-8|too long/.test(closeReason);
        expect(theirs.failed || isStricter, closeReason).toBe(true);
        expect(theirs.said.slice(0, ours.said.length)).toEqual(ours.said);
      } else {
        expect(ours).toEqual(theirs);
        counts[theirs.failed ? 'damaged' : 'whole'] += 1;
      }
    });
    await fc.assert(property, TIME_BOX);
    console.log(JSON.stringify(counts));
    const all = Object.values(counts);
    if (all.reduce((sum, count) => sum + count) > 300)
      expect(Math.min(...all), 'it gets everywhere').toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'no secret survives any way of compressing it; control frames between keep their place',
  () => {
    const list = fc.array(message, { minLength: 1, maxLength: 5 });
    const property = fc.property(list, fc.boolean(), cuts, (messages, takeover, sizes) => {
      const deflate = { ...DEFLATE, serverNoContextTakeover: !takeover };
      const relay = relayOf({ secrets: [SECRET], deflate });
      const stream = Buffer.concat([...framesOf(messages, takeover, undefined)]);
      for (const piece of cutInto(stream, sizes)) relay.fromUpstream(piece);
      const { messages: heard, closeCode } = playRelay('agent', relay.takeForAgent());
      expect(closeCode).toBeUndefined();
      const wanted = messages.map(({ text }) => text.join('').replaceAll(SECRET, '*'.repeat(SECRET.length)));
      const texts = heard
        .filter(({ type }) => type === 'text' || type === 'binary')
        .map(({ bytes }) => bytes.toString());
      expect(texts).toEqual(wanted);
      expect(heard.filter(({ type }) => type === 'ping').every(({ bytes }) => bytes.toString() === 'still there')).toBe(
        true,
      );
    });
    fc.assert(property, TIME_BOX);
  },
  TIMEOUT_MS,
);
