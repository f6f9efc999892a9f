import { createHash } from 'node:crypto';
import type net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';
import { frame } from '../../support/protocols/websocket-frames.ts';

// What breaks in the middle of a WebSocket: the other side hears a Close with its code, the record is right, and nothing is left.

const TEXT = 1;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

let world: ProxyWorld;
let upstream: Awaited<ReturnType<typeof startRawUpstream>>;
let sockets: net.Socket[];
let heard: Buffer[];
let agent: RawAgent;

/** Opened, and one message has come from the upstream. */
beforeEach(async () => {
  sockets = [];
  heard = [];
  upstream = await startRawUpstream((socket) => {
    sockets.push(socket);
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head.toString())?.[1] ?? '';
      const accept = createHash('sha1')
        .update(key + GUID)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.write(frame({ opcode: TEXT, payload: 'hello' }));
      socket.on('data', (bytes: Buffer) => heard.push(bytes));
    });
  });
  world = await startProxyWorld({ routes: () => [route({ hosts: [...HOSTS], ports: [upstream.port] })] });
  agent = await world.agent();
  agent.send(
    `GET http://api.test:${upstream.port}/feed HTTP/1.1\r\nHost: api.test:${upstream.port}\r\nConnection: Upgrade\r\n` +
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  );
  await agent.until((text) => text.endsWith('hello'));
});
afterEach(async () => {
  await world.close();
  await upstream.close();
});

/** The code of the Close frame that ends these bytes: nothing but a reason in ASCII comes behind it. */
function closeCode(bytes: Buffer, isMasked: boolean): number | undefined {
  for (let at = bytes.lastIndexOf(0x88); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(0x88, at - 1)) {
    const start = at + (isMasked ? 6 : 2);
    const length = (bytes[at + 1] ?? 0) & 0x7f;
    if (start + length !== bytes.length || length < 2) continue;
    const [one = 0, two = 0] = isMasked ? [bytes[at + 2], bytes[at + 3]] : [];
    return (((bytes[start] ?? 0) ^ one) << 8) | ((bytes[start + 1] ?? 0) ^ two);
  }
  return undefined;
}

const toAgent = (): number | undefined => closeCode(agent.received, false);
const toUpstream = (): number | undefined => closeCode(Buffer.concat(heard), true);

const unmasked = frame({ opcode: TEXT, payload: 'bare' });
const FAULTS: Readonly<
  Record<string, { does: () => unknown; reason: Reason; agent?: number | undefined; upstream?: number | undefined }>
> = {
  'the upstream ends': { does: () => sockets[0]?.end(), reason: 'upstream-closed', agent: 1014 },
  'the upstream resets': { does: () => sockets[0]?.resetAndDestroy(), reason: 'upstream-closed', agent: 1014 },
  'the upstream sends a masked frame': {
    does: () => sockets[0]?.write(frame({ opcode: TEXT, payload: 'x', key: 7 })),
    reason: 'upstream-malformed',
    agent: 1014,
    upstream: 1002,
  },
  'the upstream sends garbage': {
    does: () => sockets[0]?.write(Buffer.alloc(200, 0xff)),
    reason: 'upstream-malformed',
    agent: 1014,
    upstream: 1002,
  },
  'the upstream ends in a message': {
    does: () => sockets[0]?.end(frame({ opcode: TEXT, payload: 'part', fin: false })),
    reason: 'upstream-closed',
    agent: 1014,
  },
  'the agent ends': { does: () => agent.socket.end(), reason: 'agent-closed', upstream: 1001 },
  'the agent resets': { does: () => agent.socket.resetAndDestroy(), reason: 'agent-closed' },
  'the agent sends a bare frame': {
    does: () => agent.send(unmasked),
    reason: 'bad-request',
    agent: 1002,
    upstream: 1001,
  },
  'the agent sends garbage': {
    does: () => agent.send(Buffer.alloc(200, 0xff)),
    reason: 'bad-request',
    agent: 1002,
    upstream: 1001,
  },
  'access is revoked': {
    does: () => world.client.revoke({ id: '1', target: 2, name: 'agent-calls-api', at: undefined, lifted: false }),
    reason: 'policy-revoked',
    agent: 1008,
    upstream: 1001,
  },
};

describe('a WebSocket', () => {
  test.each(Object.entries(FAULTS))('%s', async (_, { does, reason, ...codes }) => {
    does();
    await until('it is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([
      { outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number, path: '/feed' },
    ]);
    await until('the agent is let go', () => agent.socket.readableEnded || agent.socket.destroyed);
    if (codes.agent !== undefined) expect(toAgent()).toBe(codes.agent);
    agent.socket.end();
    await until('the upstream is let go', () =>
      sockets.every(({ readableEnded, destroyed }) => readableEnded || destroyed),
    );
    if (codes.upstream !== undefined) expect(toUpstream()).toBe(codes.upstream);
    expect(world.client.records).toHaveLength(1);
  });
});
