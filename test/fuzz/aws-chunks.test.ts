import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { createAwsChunkTransform } from '../../proxy/credentials/signing/aws-chunk-signer.ts';
import { createAwsSigner } from '../../proxy/credentials/signing/aws-signer.ts';
import { InjectionError } from '../../proxy/credentials/injection-error.ts';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';

/** A body in aws-chunked framing, whatever an agent makes of it: as long as its head says, the same on every cut, or refused. */
const { seconds: SECONDS, runs: TIME_BOX } = timeBox();
const ALGORITHM = 'AWS4-HMAC-SHA256';
const STALE = 'a'.repeat(64);
const KEY = { accessKeyId: 'AKID', secretAccessKey: new Secret('key-of-the-signer'), sessionToken: undefined };
const signer = createAwsSigner(KEY, {
  algorithm: ALGORITHM,
  stamp: '20130524T000000Z',
  region: 'us-east-1',
  service: 's3',
});

const TRAILERS = ['x-amz-checksum-crc32', 'x-amz-checksum-sha1'] as const;
const blanks = fc.constantFrom('', '', '', ' ', '\t ');
const shape = fc.record({
  isSigned: fc.boolean(),
  sizes: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 }),
  trailers: fc.subarray([...TRAILERS]),
  isUpperCase: fc.boolean(),
  blanks: fc.tuple(blanks, blanks, blanks, blanks),
  signsTrailers: fc.constantFrom('as due', 'as due', 'always', 'never'),
});
type Shape = typeof shape extends fc.Arbitrary<infer Value> ? Value : never;

function bodyOf({ isSigned, sizes, trailers, isUpperCase, blanks: [a, b, c, d], signsTrailers }: Shape): string {
  const extension = isSigned ? `;chunk-signature=${STALE}` : '';
  const hex = (size: number): string => (isUpperCase ? size.toString(16).toUpperCase() : size.toString(16));
  const chunks = sizes.map((size) => `${hex(size)}${extension}\r\n${'x'.repeat(size)}\r\n`);
  const fields = trailers.map((name) => `${isUpperCase ? name.toUpperCase() : name}:${a}value==${b}\r\n`);
  const isDue = signsTrailers === 'as due' ? isSigned && trailers.length > 0 : signsTrailers === 'always';
  if (isDue) fields.push(`x-amz-trailer-signature:${c}${STALE}${d}\r\n`);
  return `${chunks.join('')}0${extension}\r\n${fields.join('')}\r\n`;
}

/** What goes on; undefined: it is refused. */
function passed({ isSigned, sizes, trailers }: Shape, pieces: readonly Buffer[]): Buffer | undefined {
  const decodedLength = sizes.reduce((sum, size) => sum + size, 0);
  const chunkSignatures = isSigned ? ALGORITHM : undefined;
  const transform = createAwsChunkTransform(
    { kind: 'chunked', chunkSignatures, value: '', decodedLength, trailers },
    signer,
    '0'.repeat(64),
  );
  const out: Buffer[] = [];
  try {
    for (const piece of pieces) {
      out.push(...transform.push(piece).map((one) => Buffer.from(one)));
      piece.fill(0x21);
    }
    out.push(...transform.end());
    return Buffer.concat(out);
  } catch (error) {
    if (error instanceof InjectionError) return undefined;
    throw error;
  }
}

test('aws-chunked bodies keep their length and content on every cut, or are refused', {
  timeout: (SECONDS + 60) * 1000,
}, () => {
  const counts = { passed: 0, refused: 0 };
  const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '\r', '\n', '0', ':', ' ', ';', 'x', '\r\n')), {
    maxLength: 2,
  });
  const cuts = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 6 });
  const withoutSignatures = (text: string): string => text.replaceAll(/(?<=signature[=:])[^\r]{64}/gi, STALE);
  const property = fc.property(shape, edits, cuts, (made, changes, sizes) => {
    let body = bodyOf(made);
    for (const [at, text] of changes) {
      const place = at % body.length;
      body = body.slice(0, place) + text + body.slice(place + 1);
    }
    const whole = passed(made, [Buffer.from(body)]);
    expect(passed(made, cutInto(Buffer.from(body), sizes))).toEqual(whole);
    counts[whole === undefined ? 'refused' : 'passed'] += 1;
    if (whole !== undefined) {
      expect(whole).toHaveLength(body.length);
      expect(withoutSignatures(whole.toString()).toLowerCase()).toBe(withoutSignatures(body).toLowerCase());
    }
  });
  fc.assert(property, TIME_BOX);
  console.log(JSON.stringify(counts));
  if (counts.passed + counts.refused > 300) expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
});
