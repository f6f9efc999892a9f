import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordCodec } from '../../../../policy-client/records/record-codec.ts';
import { WireWriter } from '../../../../policy-client/records/wire-writer.ts';
import { DecisionRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';

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

function encode(records: readonly DecisionRecord[]): Buffer {
  const writer = new WireWriter();
  const codec = new RecordCodec();
  for (const one of records) codec.encode(one, writer);
  return writer.take();
}

describe('RecordCodec', () => {
  it('knows every field of the contract', () => {
    const [sample] = fc.sample(record, 1);
    expect(Object.keys(sample ?? {}).sort()).toEqual(Object.keys(DecisionRecord.fromPartial({})).sort());
  });

  it('writes what the generated codec writes', () => {
    fc.assert(
      fc.property(record, (value) => {
        expect(encode([value])).toEqual(Buffer.from(DecisionRecord.encode(value).finish()));
      }),
      { numRuns: 300 },
    );
  });

  it('carries nothing of one record into the next', () => {
    const [one] = fc.sample(record, { numRuns: 1, seed: 1 });
    const whole = { ...DecisionRecord.fromPartial(one ?? {}), at: new Date(1_500), id: 'x' };
    const full = { ...whole, destination: { scheme: 'https', host: 'api.test', port: 443 } };
    const records = [
      full,
      { ...full, at: new Date(0) },
      { ...full, destination: { scheme: '', host: '', port: 0 } },
      full,
    ];
    expect(encode(records)).toEqual(Buffer.concat(records.map((each) => DecisionRecord.encode(each).finish())));
  });

  it.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY])('refuses %s as a count', (durationUs) => {
    const writer = new WireWriter();
    const codec = new RecordCodec();
    codec.encode(DecisionRecord.fromPartial({ id: 'x' }), writer);
    expect(() => codec.encode(DecisionRecord.fromPartial({ id: 'y', durationUs }), writer)).toThrow(RangeError);
    expect(writer.take()).toEqual(Buffer.from([10, 1, 120]));
  });
});
