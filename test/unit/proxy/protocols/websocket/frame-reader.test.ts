import { describe, expect, test } from 'vitest';
import { everyCut } from '../../../../support/protocols/http1-play.ts';
import { frame, hear } from '../../../../support/protocols/websocket-frames.ts';

const KEY = 0x37fa213d;
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('frames that are well-formed', () => {
  // RFC 6455 section 5.7.
  test.each([
    ['an unmasked text', '81 05 48 65 6c 6c 6f', false, [{ type: 'text', text: 'Hello' }]],
    ['a masked text', '81 85 37 fa 21 3d 7f 9f 4d 51 58', true, [{ type: 'text', text: 'Hello' }]],
    ['fragments', '01 03 48 65 6c 80 02 6c 6f', false, [{ type: 'text', text: 'Hello' }]],
    ['a ping', '89 05 48 65 6c 6c 6f', false, [{ type: 'control 9', text: 'Hello' }]],
    ['a masked pong', '8a 85 37 fa 21 3d 7f 9f 4d 51 58', true, [{ type: 'control 10', text: 'Hello' }]],
  ])('%s (5.7), on every cut', (_, text, masked, expected) => {
    for (const pieces of everyCut(bytes(text))) {
      expect(hear(pieces, { masked })).toMatchObject({ heard: expected, error: undefined });
    }
  });

  test.each([0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000])('%d bytes, masked', (length) => {
    const payload = Buffer.from(Array.from({ length }, (_, at) => at * 7));
    const whole = frame({ opcode: 2, payload, key: KEY });
    for (const cut of [0, 1, 2, 9, 13, 14, whole.length - 1]) {
      const pieces = [Buffer.from(whole.subarray(0, cut)), Buffer.from(whole.subarray(cut))];
      const { heard, error } = hear(pieces, { masked: true });
      expect(error).toBeUndefined();
      expect(heard).toHaveLength(1);
      expect(heard[0]?.text === payload.toString('latin1') && heard[0].isWhole).toBe(true);
    }
  });

  test('a message with control frames between its fragments, on every cut', () => {
    const stream = Buffer.concat([
      frame({ opcode: 1, payload: 'one ', fin: false, key: 1 }),
      frame({ opcode: 9, payload: 'ping', key: 2 }),
      frame({ opcode: 0, payload: '', fin: false, key: 3 }),
      frame({ opcode: 0, payload: 'two', key: 4 }),
      frame({ opcode: 2, payload: 'three', key: 5 }),
      frame({ opcode: 8, payload: Buffer.from('03e8627965', 'hex'), key: 6 }),
      Buffer.from('bytes after Close are nobody’s'),
    ]);
    for (const pieces of everyCut(stream)) {
      expect(hear(pieces, { masked: true })).toMatchObject({
        heard: [
          { type: 'text', text: 'one two', isWhole: true },
          { type: 'control 9', text: 'ping' },
          { type: 'binary', text: 'three', isWhole: true },
          { type: 'control 8', text: '\x03\xe8bye' },
        ],
        error: undefined,
      });
    }
  });

  test('frames up to the limit are given whole, longer ones in pieces', () => {
    const limits = { maxWholeFrameBytes: 8 };
    const drip = (whole: Buffer): Buffer[] => Array.from(whole, (byte) => Buffer.from([byte]));
    expect(hear(drip(frame({ opcode: 2, payload: '12345678' })), { limits }).heard).toMatchObject([{ pieces: 1 }]);
    const long = hear(drip(frame({ opcode: 2, payload: '123456789' })), { limits }).heard;
    expect(long).toMatchObject([{ text: '123456789', isWhole: true, pieces: 2 }]);
  });
});

describe('frames that are refused', () => {
  const text = (payload: string, more = {}) => frame({ opcode: 1, payload, ...more });
  const cases: readonly (readonly [name: string, stream: Buffer, options: object, code: number])[] = [
    ['RSV2', bytes('a1 00'), {}, 1002],
    ['RSV3', bytes('91 00'), {}, 1002],
    ['RSV1 without permessage-deflate', bytes('c1 00'), {}, 1002],
    ['RSV1 on a continuation', bytes('41 00 c0 00'), { deflate: true }, 1002],
    ['RSV1 on a control frame', bytes('c9 00'), { deflate: true }, 1002],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) => [`opcode ${opcode}`, Buffer.from([0x80 | opcode, 0]), {}, 1002] as const,
    ),
    ['a masked frame of an upstream', text('x', { key: KEY }), {}, 1002],
    ['an unmasked frame of an agent', text('x'), { masked: true }, 1002],
    ['a fragmented ping', bytes('09 00'), {}, 1002],
    ['a fragmented Close', bytes('08 00'), {}, 1002],
    ['a ping of 126 bytes', bytes('89 7e 00 7e'), {}, 1002],
    ['a continuation of nothing', bytes('80 00'), {}, 1002],
    ['a continuation after a whole message', Buffer.concat([text('a'), bytes('80 00')]), {}, 1002],
    ['a message inside a message', Buffer.concat([text('a', { fin: false }), text('b')]), {}, 1002],
    ['125 bytes with a length of 16 bits', bytes('82 7e 00 7d'), {}, 1002],
    ['65,535 bytes with a length of 64 bits', bytes('82 7f 00 00 00 00 00 00 ff ff'), {}, 1002],
    ['a negative length', bytes('82 7f 80 00 00 00 00 00 00 00'), {}, 1002],
    ['a length beyond 2^53', bytes('82 7f 7f ff ff ff ff ff ff ff'), {}, 1009],
    ['a Close of one byte', bytes('88 01 03'), {}, 1002],
    ['a Close reason that is not UTF-8', bytes('88 04 03 e8 c3 28'), {}, 1007],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) => {
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      return [`close code ${code}`, frame({ opcode: 8, payload }), {}, 1002] as const;
    }),
    [
      'a message over the limit',
      frame({ opcode: 2, payload: '12345678901' }),
      { limits: { maxMessageBytes: 10 } },
      1009,
    ],
    [
      'a message over the limit in fragments',
      Buffer.concat([text('123456', { fin: false }), frame({ opcode: 0, payload: '78901' })]),
      { limits: { maxMessageBytes: 10 } },
      1009,
    ],
    [
      'too many fragments',
      Buffer.concat([text('a', { fin: false }), ...Array.from({ length: 3 }, () => bytes('00 00'))]),
      { limits: { maxFragments: 3 } },
      1009,
    ],
  ];
  test.each(cases)('%s', (_, stream, options, code) => {
    for (const pieces of everyCut(stream)) expect(hear(pieces, options).error).toBe(code);
  });

  test('a truncated frame is no event', () => {
    const whole = frame({ opcode: 1, payload: 'hello', key: KEY });
    for (let end = 0; end < whole.length; end += 1) {
      expect(hear([Buffer.from(whole.subarray(0, end))], { masked: true })).toEqual({ heard: [], error: undefined });
    }
  });

  test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])(
    'close code %d passes',
    (code) => {
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      expect(hear([frame({ opcode: 8, payload })]).error).toBeUndefined();
    },
  );
});
