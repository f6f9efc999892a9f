import { describe, expect, test } from 'vitest';
import { everyCut } from '../../../../support/protocols/http1-play.ts';
import { frame } from '../../../../support/protocols/websocket-frames.ts';
import { playRelay, relayOf } from '../../../../support/upstreams/websocket-relay.ts';

const KEY = 0x01020304;
const text = (payload: string, more = {}) => frame({ opcode: 1, payload, ...more });
const close = (code: number, reason = '', more = {}) => {
  const payload = Buffer.from(`  ${reason}`);
  payload.writeUInt16BE(code);
  return frame({ opcode: 8, payload, ...more });
};

describe('the relay', () => {
  test('masks anew towards the upstream, unmasks towards the agent, on every cut', () => {
    const stream = Buffer.concat([
      text('Hello ', { fin: false, key: KEY }),
      frame({ opcode: 9, payload: 'ping', key: KEY }),
      frame({ opcode: 0, payload: 'wörld', key: KEY }),
      frame({ opcode: 2, payload: Buffer.from([0, 255]), key: KEY }),
    ]);
    for (const pieces of everyCut(stream)) {
      const relay = relayOf({ maskingKeys: () => 0xaabbccdd });
      for (const piece of pieces) {
        relay.fromAgent(piece);
        piece.fill(0xee);
      }
      const out = Buffer.concat(relay.takeForUpstream());
      const key = 0xaabbccdd;
      const expected = [
        text('Hello ', { fin: false, key }),
        frame({ opcode: 9, payload: 'ping', key }),
        frame({ opcode: 0, payload: 'wörld', key }),
        frame({ opcode: 2, payload: Buffer.from([0, 255]), key }),
      ];
      expect(out.toString('hex')).toBe(Buffer.concat(expected).toString('hex'));
      expect(relay.done).toBe(false);
    }
  });

  test('asks for a key for each frame', () => {
    let keys = 0;
    const relay = relayOf({ maskingKeys: () => (keys += 1) });
    relay.fromAgent(Buffer.concat([text('a', { key: KEY }), text('b', { key: KEY })]));
    expect(Buffer.concat(relay.takeForUpstream())).toEqual(
      Buffer.concat([text('a', { key: 1 }), text('b', { key: 2 })]),
    );
  });

  test('a long frame goes on in fragments as it arrives', () => {
    const whole = frame({ opcode: 2, payload: Buffer.alloc(200_000, 7) });
    const relay = relayOf();
    relay.fromUpstream(Buffer.from(whole.subarray(0, 70_000)));
    const first = Buffer.concat(relay.takeForAgent());
    expect(first.length).toBeGreaterThan(60_000);
    relay.fromUpstream(Buffer.from(whole.subarray(70_000)));
    const { messages } = playRelay('agent', [first, ...relay.takeForAgent()]);
    expect(messages).toEqual([{ type: 'binary', bytes: Buffer.alloc(200_000, 7) }]);
  });

  test('the closing handshake, from either side', () => {
    for (const agentFirst of [true, false]) {
      const relay = relayOf();
      const sides = [
        () => relay.fromAgent(close(1000, 'bye', { key: KEY })),
        () => relay.fromUpstream(close(4321, 'ciao')),
      ];
      if (!agentFirst) sides.reverse();
      sides[0]?.();
      expect(relay.done).toBe(false);
      sides[1]?.();
      expect(relay).toMatchObject({ done: true, ending: 'handshake' });
      expect(Buffer.concat(relay.takeForAgent())).toEqual(close(4321, 'ciao'));
      expect(Buffer.concat(relay.takeForUpstream())).toEqual(close(1000, 'bye', { key: 0 }));
    }
  });

  test('an agent that has said Close hears the rest of what the upstream sends, and is not heard any more', () => {
    const relay = relayOf();
    relay.fromAgent(Buffer.concat([close(1000, '', { key: KEY }), text('late', { key: KEY })]));
    relay.fromUpstream(text('rest'));
    expect(Buffer.concat(relay.takeForAgent())).toEqual(text('rest'));
    expect(Buffer.concat(relay.takeForUpstream())).toEqual(close(1000, '', { key: 0 }));
  });

  test('a cut tells the agent 1008 and why, and the upstream 1001', () => {
    const relay = relayOf();
    relay.fromUpstream(text('half', { fin: false }));
    relay.cut('credential-revoked');
    expect(Buffer.concat(relay.takeForAgent())).toEqual(
      Buffer.concat([text('half', { fin: false }), close(1008, 'credential-revoked')]),
    );
    expect(Buffer.concat(relay.takeForUpstream())).toEqual(close(1001, '', { key: 0 }));
    expect(relay.ending).toBe('cut');
    relay.fromUpstream(text('more'));
    relay.fromAgent(text('more', { key: KEY }));
    relay.agentEnded();
    expect([...relay.takeForAgent(), ...relay.takeForUpstream()]).toEqual([]);
  });

  test('a side that leaves', () => {
    const left = relayOf();
    left.agentEnded();
    expect(Buffer.concat(left.takeForUpstream())).toEqual(close(1001, '', { key: 0 }));
    expect(left.ending).toBe('agent-left');
    const gone = relayOf();
    gone.fromUpstream(Buffer.concat([text('last'), text('cut off').subarray(0, 4)]));
    gone.upstreamEnded();
    const { messages, closeCode } = playRelay('agent', gone.takeForAgent());
    expect([messages, closeCode]).toEqual([[{ type: 'text', bytes: Buffer.from('last') }], 1014]);
  });
});

describe('what a side does wrong', () => {
  const cases: readonly (readonly [name: string, bytes: Buffer, code: number])[] = [
    ['an invalid opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ['text that is not UTF-8', frame({ opcode: 1, payload: Buffer.from([0xc3, 0x28]), key: KEY }), 1007],
    ['text that ends inside a character', frame({ opcode: 1, payload: Buffer.from([0xe2, 0x82]), key: KEY }), 1007],
    ['a message over the limit', text('x'.repeat(101), { key: KEY }), 1009],
    ['a flood of control frames', Buffer.concat(Array.from({ length: 9 }, () => frame({ opcode: 9, key: KEY }))), 1008],
  ];
  const limits = { maxMessageBytes: 100, maxControlsInRow: 8 };

  test.each(cases)('%s of an agent', (_, bytes, code) => {
    const relay = relayOf({ limits });
    relay.fromAgent(bytes);
    expect(relay.ending).toBe('agent-fault');
    expect(playRelay('agent', relay.takeForAgent()).closeCode).toBe(code);
    expect(playRelay('upstream', relay.takeForUpstream()).closeCode).toBe(1001);
  });

  test('of an upstream ends with 1014 for the agent', () => {
    const relay = relayOf({ limits });
    relay.fromUpstream(text('masked', { key: KEY }));
    expect(relay.ending).toBe('upstream-fault');
    expect(playRelay('agent', relay.takeForAgent()).closeCode).toBe(1014);
    expect(playRelay('upstream', relay.takeForUpstream()).closeCode).toBe(1002);
  });

  test('control frames that are answered are no flood', () => {
    const relay = relayOf({ limits });
    for (let round = 0; round < 100; round += 1) {
      relay.fromUpstream(frame({ opcode: 9, payload: 'beat' }));
      relay.fromAgent(frame({ opcode: 10, payload: 'beat', key: KEY }));
    }
    expect(relay.done).toBe(false);
  });

  test('a side whose output nobody takes makes the other wait, and nothing is lost', () => {
    const relay = relayOf({ limits: { maxPendingBytes: 1_000 } });
    const frames = Array.from({ length: 100 }, (_, at) => text(`${at}`.padEnd(100)));
    relay.fromUpstream(Buffer.concat(frames));
    expect(relay.upstreamMustWait).toBe(true);
    const taken: Buffer[] = [];
    for (let turn = 0; turn < 100; turn += 1) {
      const out = relay.takeForAgent();
      if (out.length === 0) break;
      expect(Buffer.concat(out).length).toBeLessThan(1_200);
      taken.push(...out);
    }
    expect(Buffer.concat(taken)).toEqual(Buffer.concat(frames));
    expect(relay.upstreamMustWait).toBe(false);
  });
});
