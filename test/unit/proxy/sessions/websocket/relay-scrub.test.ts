import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { everyCut } from '../../../../support/protocols/http1-play.ts';
import { frame } from '../../../../support/protocols/websocket-frames.ts';
import { DEFLATE, playRelay, relayOf } from '../../../../support/upstreams/websocket-relay.ts';

const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm';
const MASKED = '*'.repeat(SECRET.length);
const utf8 = (text: string): Buffer => Buffer.from(text);

/** A compressor of one side, with or without its window kept. */
function deflater(keepsWindow = true): (text: string | Buffer) => Buffer {
  let before = Buffer.alloc(0);
  return (text) => {
    const input = Buffer.from(text as Buffer);
    const whole = zlib.deflateRawSync(input, {
      finishFlush: zlib.constants.Z_SYNC_FLUSH,
      ...(before.length > 0 ? { dictionary: before } : {}),
    });
    if (keepsWindow) before = Buffer.concat([before, input]).subarray(-32_768);
    return whole.subarray(0, -4);
  };
}

describe('scrubbing', () => {
  test('a message in fragments, with control frames in between, on every cut', () => {
    const spoken = `before ${SECRET} after, ${Buffer.from(SECRET).toString('hex')} €`;
    const [a, b, c] = [spoken.slice(0, 12), spoken.slice(12, 20), spoken.slice(20)];
    const stream = Buffer.concat([
      frame({ opcode: 1, payload: a, fin: false }),
      frame({ opcode: 9, payload: SECRET }),
      frame({ opcode: 0, payload: b, fin: false }),
      frame({ opcode: 0, payload: c }),
      frame({ opcode: 8, payload: Buffer.concat([Buffer.from([3, 232]), utf8(`no: ${SECRET}`)]) }),
    ]);
    for (const pieces of everyCut(stream)) {
      const relay = relayOf({ secrets: [SECRET] });
      for (const piece of pieces) relay.fromUpstream(piece);
      const out = relay.takeForAgent();
      expect(Buffer.concat(out).includes(SECRET.slice(0, 9))).toBe(false);
      expect(playRelay('agent', out)).toMatchObject({
        messages: [
          { type: 'ping', bytes: utf8(MASKED) },
          { type: 'text', bytes: utf8(`before ${MASKED} after, ${MASKED}${MASKED} €`) },
        ],
        closeReason: `no: ${MASKED}`,
      });
      expect(relay.hits).toBe(4);
    }
  });

  test('pongs and binary messages too; what the agent sends stays as it is', () => {
    const relay = relayOf({ secrets: [SECRET] });
    relay.fromUpstream(Buffer.concat([frame({ opcode: 10, payload: SECRET }), frame({ opcode: 2, payload: SECRET })]));
    expect(playRelay('agent', relay.takeForAgent()).messages).toEqual([
      { type: 'pong', bytes: utf8(MASKED) },
      { type: 'binary', bytes: utf8(MASKED) },
    ]);
    relay.fromAgent(frame({ opcode: 1, payload: SECRET, key: 5 }));
    expect(playRelay('upstream', relay.takeForUpstream()).messages).toEqual([{ type: 'text', bytes: utf8(SECRET) }]);
  });

  test('a small message stays one frame', () => {
    const relay = relayOf({ secrets: [SECRET] });
    const whole = frame({ opcode: 1, payload: `a message that ends like sk-l` });
    for (const byte of whole) relay.fromUpstream(Buffer.from([byte]));
    expect(Buffer.concat(relay.takeForAgent())).toEqual(whole);
  });

  test('a mask that cuts characters leaves valid text', () => {
    // In Latin-1 this secret is bytes that UTF-8 text may hold across the edges of its characters.
    const secret = '©abcÃ';
    const spoken = Buffer.from('xé€', 'utf8');
    const inner = Buffer.concat([utf8('Ã'), Buffer.from('abc'), utf8('Ã')]);
    const latin = Buffer.from(secret, 'latin1');
    const payload = Buffer.concat([spoken, Buffer.from([0xc3]), latin, Buffer.from([0xa9]), inner]);
    for (const pieces of everyCut(frame({ opcode: 1, payload }))) {
      const relay = relayOf({ secrets: [secret] });
      for (const piece of pieces) relay.fromUpstream(piece);
      const [message] = playRelay('agent', relay.takeForAgent()).messages;
      expect(message?.bytes.toString()).toBe('xé€*******ÃabcÃ');
    }
  });
});

describe('permessage-deflate', () => {
  test.each([true, false])('messages are inflated and scrubbed, window kept: %s, on every cut', (keepsWindow) => {
    const deflate = deflater(keepsWindow);
    const spoken = [`{"token":"${SECRET}"}`, `{"token":"${SECRET}","again":true}`, 'plain'];
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = spoken.map(deflate);
    const stream = Buffer.concat([
      frame({ opcode: 1, payload: first, rsv1: true }),
      frame({ opcode: 1, payload: second.subarray(0, 5), rsv1: true, fin: false }),
      frame({ opcode: 9, payload: 'x' }),
      frame({ opcode: 0, payload: second.subarray(5) }),
      frame({ opcode: 2, payload: 'plain' }),
    ]);
    for (const pieces of everyCut(stream)) {
      const deflateAgreed = { ...DEFLATE, serverNoContextTakeover: !keepsWindow };
      const relay = relayOf({ secrets: [SECRET], deflate: deflateAgreed });
      for (const piece of pieces) {
        relay.fromUpstream(piece);
        piece.fill(0xee);
      }
      expect(playRelay('agent', relay.takeForAgent()).messages).toEqual([
        { type: 'text', bytes: utf8(`{"token":"${MASKED}"}`) },
        { type: 'ping', bytes: utf8('x') },
        { type: 'text', bytes: utf8(`{"token":"${MASKED}","again":true}`) },
        { type: 'binary', bytes: utf8('plain') },
      ]);
      expect(relay.hits).toBe(2);
    }
  });

  test('without an injected secret messages pass compressed, RSV1 on their first frame alone', () => {
    const deflate = deflater();
    const payload = deflate('nothing to hide');
    const relay = relayOf({ deflate: DEFLATE });
    relay.fromUpstream(frame({ opcode: 1, payload, rsv1: true }));
    relay.fromAgent(frame({ opcode: 2, payload, rsv1: true, key: 9 }));
    const expected = { bytes: payload, compressed: true };
    expect(playRelay('agent', relay.takeForAgent(), true).messages).toEqual([{ type: 'text', ...expected }]);
    expect(playRelay('upstream', relay.takeForUpstream(), true).messages).toEqual([{ type: 'binary', ...expected }]);
    const long = frame({ opcode: 2, payload: Buffer.alloc(100_000, 1), rsv1: true });
    relay.fromUpstream(long);
    expect(playRelay('agent', relay.takeForAgent(), true).messages[0]?.bytes.length).toBe(100_000);
  });

  test('a bomb is inflated no faster than it is taken, and no further than the limit', () => {
    const bomb = deflater()(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(70_000);
    const limits = { maxMessageBytes: 16 * 1024 * 1024, maxPendingBytes: 100_000 };
    const relay = relayOf({ secrets: [SECRET], deflate: DEFLATE, limits });
    relay.fromUpstream(frame({ opcode: 2, payload: bomb, rsv1: true }));
    let total = 0;
    for (let out = relay.takeForAgent(); out.length > 0; out = relay.takeForAgent()) {
      const length = out.reduce((sum, bytes) => sum + bytes.length, 0);
      expect(length).toBeLessThan(100_000 + 70_000);
      total += length;
    }
    expect(total).toBeLessThan(17 * 1024 * 1024);
    expect(relay.ending).toBe('upstream-fault');
    expect(playRelay('upstream', relay.takeForUpstream()).closeCode).toBe(1009);
  });

  test.each([
    ['no DEFLATE data', Buffer.from([0x07]), 1007],
    ['a message cut short', deflater()('cut short, cut short').subarray(0, -3), 1007],
    ['text that is not UTF-8', deflater()(Buffer.from([0xc3, 0x28])), 1007],
  ])('%s ends the session', (_, payload, code) => {
    const relay = relayOf({ secrets: [SECRET], deflate: DEFLATE });
    relay.fromUpstream(frame({ opcode: 1, payload, rsv1: true }));
    expect(relay.ending).toBe('upstream-fault');
    expect(playRelay('upstream', relay.takeForUpstream()).closeCode).toBe(code);
  });
});
