import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordCodec } from '../../../policy-client/record-codec.ts';
import type { ChainedRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { ReportDecisionsRequest } from '../../../proto/gen/sidekey/v1/proxy.ts';

// A lone surrogate is not text; the two encoders replace it differently.
const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const small = fc.nat(2 ** 31 - 1);

const record: fc.Arbitrary<DecisionRecord> = fc.record({
  id: text,
  at: fc.option(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), { nil: undefined }),
  sessionId: text,
  workloads: fc.array(text, { maxLength: 4 }),
  user: text,
  destination: fc.option(fc.record({ scheme: text, host: text, port: small }), { nil: undefined }),
  serverWorkload: text,
  method: text,
  path: text,
  outcome: fc.constantFrom(0, 1, 2, 3),
  reason: fc.constantFrom(0, 1, 2, 64),
  accessPolicy: text,
  credentialProvider: text,
  grantId: text,
  fromCache: fc.boolean(),
  status: small,
  upstreamAddress: text,
  requestBytes: count,
  responseBytes: count,
  durationUs: small,
  removedCredentials: fc.array(text, { maxLength: 4 }),
  scrubbed: small,
  instanceId: text,
  action: text,
});

describe('RecordCodec', () => {
  it('knows every field of the contract', () => {
    const [sample] = fc.sample(record, 1);
    expect(Object.keys(sample ?? {}).sort()).toEqual(Object.keys(DecisionRecord.fromPartial({})).sort());
  });

  it('writes what the generated codec writes', () => {
    const codec = new RecordCodec();
    fc.assert(
      fc.property(record, (value) => {
        expect(codec.encodeRecord(value)).toEqual(Buffer.from(DecisionRecord.encode(value).finish()));
      }),
      { numRuns: 300 },
    );
  });

  it('writes reports as the generated codec does', () => {
    const codec = new RecordCodec();
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
    const chained: fc.Arbitrary<ChainedRecord> = fc.record({
      sequence: fc
        .maxSafeNat()
        .map((value) => value + 1)
        .filter(Number.isSafeInteger),
      previousHash: hash,
      hash,
      record: fc.uint8Array({ minLength: 1, maxLength: 9_000 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(fc.array(chained, { maxLength: 6 }), (records) => {
        const expected = Buffer.from(ReportDecisionsRequest.encode({ records }).finish());
        expect(codec.encodeReport(records)).toEqual(expected);
      }),
    );
  });

  it.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY])('refuses %s as a count', (durationUs) => {
    const codec = new RecordCodec();
    expect(() => codec.encodeRecord(DecisionRecord.fromPartial({ durationUs }))).toThrow(RangeError);
    expect(codec.encodeRecord(DecisionRecord.fromPartial({ id: 'x' }))).toEqual(Buffer.from([10, 1, 120]));
  });
});
