import zlib from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAnswerDecoder } from '../../proxy/credentials/scrubbing/decode-messages.ts';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { decodeOrRefuse } from '../support/protocols/decoding.ts';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(2);
const DEADLINE_MS = (SECONDS + 60) * 1000;

const message = fc.record({
  body: fc.uint8Array({ maxLength: 300 }),
  isCoded: fc.boolean(),
  flags: fc.nat({ max: 127 }),
});
const messages = fc.array(message, { maxLength: 6 });
const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 });

function framed(flags: number, body: Uint8Array): Buffer {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** What comes of these bytes, in pieces of these sizes; undefined when they are refused. */
function decoded(bytes: Buffer, sizes: readonly number[]): Promise<Buffer | undefined> {
  const headers = HeaderList.from([
    ['content-type', 'application/grpc'],
    ['grpc-encoding', 'gzip'],
  ]);
  return decodeOrRefuse(createAnswerDecoder(headers), cutInto(bytes, sizes));
}

test(
  'messages are decoded alike on every cut, and no other flag is lost',
  () => {
    const property = fc.asyncProperty(messages, cuts, async (list, sizes) => {
      const sent = list.map(({ body, isCoded, flags }) =>
        framed(flags * 2 + Number(isCoded), isCoded ? zlib.gzipSync(body) : body),
      );
      const heard = list.map(({ body, flags }) => framed(flags * 2, body));
      expect(await decoded(Buffer.concat(sent), sizes)).toEqual(Buffer.concat(heard));
    });
    return fc.assert(property, TIME_BOX);
  },
  DEADLINE_MS,
);

test(
  'damaged ones are decoded or refused, whatever the cuts',
  () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: 2_000 }), fc.nat({ max: 255 })), { maxLength: 4 });
    const property = fc.asyncProperty(messages, damage, cuts, async (list, changes, sizes) => {
      const bytes = Buffer.concat(
        list.map(({ body, isCoded }) => framed(Number(isCoded), isCoded ? zlib.gzipSync(body) : body)),
      );
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
      const whole = await decoded(bytes, [Math.max(1, bytes.length)]);
      expect(await decoded(bytes, sizes)).toEqual(whole);
    });
    return fc.assert(property, TIME_BOX);
  },
  DEADLINE_MS,
);
