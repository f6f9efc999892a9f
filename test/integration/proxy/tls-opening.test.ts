import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';

const RECORD_HEADER = 5;

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld();
});
afterAll(() => world.close());

/** How the first thing that a client writes, its ClientHello, goes on the wire. */
type Cut = (hello: Buffer) => readonly Buffer[];

/** Node's own TLS client inside a tunnel, its ClientHello cut like this; each piece travels in a segment of its own. */
function secureInPieces(agent: RawAgent, servername: string, cut: Cut): tls.TLSSocket {
  let isFirst = true;
  const wire = new Duplex({
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      const pieces = isFirst ? cut(bytes) : [bytes];
      isFirst = false;
      sendApart(agent, pieces, done);
    },
  });
  agent.socket.removeAllListeners('data');
  agent.socket.on('data', (bytes: Buffer) => wire.push(bytes));
  agent.socket.on('end', () => wire.push(null));
  return tls.connect({ socket: wire, servername, ca: world.proxy.caPem, ALPNProtocols: ['http/1.1'] });
}

function sendApart(agent: RawAgent, [piece, ...rest]: readonly Buffer[], done: () => void): void {
  if (piece === undefined) return done();
  agent.socket.write(piece, () => {
    if (rest.length === 0) done();
    else setTimeout(() => sendApart(agent, rest, done), 1);
  });
}

function slices(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

/** The same handshake message in many records (RFC 8446 5.1): what was one record becomes these. */
function records(hello: Buffer, size: number): Buffer {
  return Buffer.concat(
    slices(hello.subarray(RECORD_HEADER), size).map((part) => {
      const header = Buffer.from(hello.subarray(0, RECORD_HEADER));
      header.writeUInt16BE(part.length, 3);
      return Buffer.concat([header, part]);
    }),
  );
}

async function callThrough(host: string, cut: Cut): Promise<string> {
  const { httpsPort } = world.upstream;
  const agent = await world.agent();
  await agent.exchange(`CONNECT api.test:${httpsPort} HTTP/1.1\r\nHost: api.test:${httpsPort}\r\n\r\n`, 'CONNECT');
  const secured = secureInPieces(agent, host, cut);
  secured.end(`GET / HTTP/1.1\r\nHost: api.test:${httpsPort}\r\nConnection: close\r\n\r\n`);
  let text = '';
  try {
    for await (const chunk of secured) text += String(chunk);
    return text;
  } finally {
    agent.destroy();
  }
}

const CUTS: readonly (readonly [string, Cut])[] = [
  ['whole', (hello) => [hello]],
  ['a byte in each segment', (hello) => slices(hello, 1)],
  ['in 20 records, in one segment', (hello) => [records(hello, Math.ceil(hello.length / 20))]],
  ['in 50 records, whose headers are cut too', (hello) => slices(records(hello, Math.ceil(hello.length / 50)), 3)],
  [
    'its first byte in a record of its own',
    (hello) => {
      const [first, rest] = [
        records(hello.subarray(0, 6), 1),
        records(Buffer.concat([hello.subarray(0, 5), hello.subarray(6)]), 9_999),
      ];
      return [Buffer.concat([first, rest])];
    },
  ],
];

describe.each(CUTS)('a ClientHello %s', (_name, cut) => {
  test('is understood, and the call inside is served', async () => {
    const text = await callThrough('api.test', cut);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*hello$/);
  });

  test('A-07 hides no other name', async () => {
    const before = world.upstream.seen.length;
    await expect(callThrough('other.test', cut)).rejects.toThrow();
    expect(world.upstream.seen).toHaveLength(before);
  });
});
