import { expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { Call } from '../../../../../proxy/http/call.ts';
import type { AgentStream, UpstreamStream } from '../../../../../proxy/http/streams.ts';
import { WebSocketExchange } from '../../../../../proxy/http/answer/web-socket.ts';
import { closePayload } from '../../../../../proxy/protocols/websocket/close.ts';
import { OPCODE } from '../../../../../proxy/protocols/websocket/frame.ts';
import { DEFAULT_WEBSOCKET_LIMITS } from '../../../../../proxy/protocols/websocket/limits.ts';
import { frame, hear } from '../../../../support/protocols/websocket-frames.ts';

const SECRET = 'sk-live-0123456789';

/** A WebSocket between two sides that say whether they keep up, as they are told to. */
function open() {
  const taken = { agent: [] as Buffer[], upstream: [] as Buffer[] };
  const keepsUp = { agent: true, upstream: true };
  const ended: string[] = [];
  const side = (name: 'agent' | 'upstream') => ({
    sendBody: (bytes: Buffer) => void taken[name].push(Buffer.from(bytes)),
    flush: () => keepsUp[name],
    pause: () => {},
    resume: () => {},
    resumeRequest: () => {},
  });
  const call = new Call('GET');
  const socket = new WebSocketExchange(
    {
      call,
      agent: side('agent') as unknown as AgentStream,
      upstream: side('upstream') as unknown as UpstreamStream,
      via: 'sidekey',
      limits: DEFAULT_WEBSOCKET_LIMITS,
      owner: {
        askListed: async () => [],
        relayed: () => {},
        refuse: () => {},
        webSocketEnded: (reason) => {
          ended.push(reason);
          socket.abort();
        },
      },
    },
    undefined,
    compileScrubber([new Secret(SECRET)]),
  );
  return { socket, call, taken, keepsUp, ended };
}

const close = (key?: number): Buffer =>
  frame({ opcode: OPCODE.close, payload: closePayload(1000, ''), ...(key !== undefined && { key }) });

test('a slow agent gets the end of what the upstream said before it closed', () => {
  const { socket, taken, keepsUp, ended } = open();
  keepsUp.agent = false;
  socket.fromUpstream(frame({ opcode: OPCODE.text, payload: 'first' }));
  socket.flush();
  socket.fromUpstream(Buffer.concat([frame({ opcode: OPCODE.text, payload: 'x'.repeat(20_000) }), close()]));
  socket.flush();
  expect(ended).toEqual([]);
  socket.upstreamEnded();
  expect(ended).toEqual(['upstream-closed']);
  const { heard } = hear(taken.agent);
  expect(heard.map(({ text }) => text.length)).toEqual([5, 20_000, 2]);
});

test('a slow upstream gets the end of what the agent said', () => {
  const { socket, taken, keepsUp, ended } = open();
  keepsUp.upstream = false;
  socket.fromAgent(frame({ opcode: OPCODE.text, payload: 'first', key: 1 }));
  socket.flush();
  socket.fromAgent(Buffer.concat([frame({ opcode: OPCODE.text, payload: 'x'.repeat(20_000), key: 2 }), close(3)]));
  socket.agentEnded();
  expect(ended).toEqual(['agent-closed']);
  expect(hear(taken.upstream, { masked: true }).heard.map(({ text }) => text.length)).toEqual([5, 20_000, 2]);
});

test('a slow agent gets nothing more once access was withdrawn', () => {
  const { socket, taken, keepsUp, ended } = open();
  keepsUp.agent = false;
  socket.fromUpstream(frame({ opcode: OPCODE.text, payload: 'first' }));
  socket.flush();
  socket.fromUpstream(frame({ opcode: OPCODE.text, payload: 'second' }));
  socket.cut('credential-revoked');
  expect(ended).toEqual(['credential-revoked']);
  expect(hear(taken.agent).heard.map(({ text }) => text)).toEqual(['first']);
});

test.each([
  ['credential-revoked', 1008],
  ['upstream-timeout', 1001],
  ['draining', 1001],
] as const)('an agent whose WebSocket ends for %s hears %i', (reason, code) => {
  const { socket, taken } = open();
  socket.cut(reason);
  const [said] = hear(taken.agent).heard;
  expect([Buffer.from(said?.text ?? '', 'latin1').readUInt16BE(0), said?.text.slice(2)]).toEqual([code, reason]);
});

test('A-37 what was masked is counted once, however the WebSocket ends', () => {
  const upstreamLeft = open();
  upstreamLeft.socket.fromUpstream(frame({ opcode: OPCODE.text, payload: `${SECRET} ${SECRET}` }));
  upstreamLeft.socket.upstreamEnded();
  expect(upstreamLeft.call.scrubbed).toBe(2);
  const dropped = open();
  dropped.socket.fromUpstream(frame({ opcode: OPCODE.text, payload: SECRET }));
  dropped.socket.flush();
  dropped.socket.abort();
  expect(dropped.call.scrubbed).toBe(1);
});
