import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { createLocalAuthority } from '../../../../../proxy/intercept/certificate-authority.ts';
import { AgentReads } from '../../../../../proxy/io/agent/agent-reads.ts';
import { SecuredSocket } from '../../../../../proxy/io/agent/secured-socket.ts';
import { until } from '../../../../support/until.ts';

const BYTES = Buffer.from(Array.from({ length: 600_000 }, (_, at) => (at * at) % 251));
const ended: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ended.splice(0)) end();
});

type Pair = { ours: net.Socket; theirs: net.Socket };

async function connected(at: { port: number; host: string } | { path: string }): Promise<Pair> {
  const server = net.createServer({ allowHalfOpen: true }).listen(at);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const found = server.address();
  const theirs = net.connect(typeof found === 'string' ? { path: found } : { port: (found as net.AddressInfo).port });
  const [ours] = (await accepted) as [net.Socket];
  ended.push(
    () => ours.destroy(),
    () => theirs.destroy(),
    () => server.close(),
  );
  for (const socket of [ours, theirs]) socket.on('error', () => {});
  return { ours, theirs };
}

const overTcp = (): Promise<Pair> => connected({ port: 0, host: '127.0.0.1' });
const overUnix = (): Promise<Pair> => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-test-'));
  ended.push(() => rmSync(folder, { recursive: true, force: true }));
  return connected({ path: join(folder, 's') });
};

async function overTls(): Promise<Pair> {
  const { ours, theirs } = await overTcp();
  const secured = new SecuredSocket(ours, createLocalAuthority().secureContextFor('api.test'));
  const client = tls.connect({ socket: theirs, servername: 'api.test', rejectUnauthorized: false });
  // Node 20 crashes where a socket is destroyed under TLS that writes.
  ended.unshift(
    () => secured.destroy(),
    () => client.destroy(),
  );
  await once(client, 'secureConnect');
  return { ours: secured, theirs: client };
}

describe.each([
  ['TCP', overTcp],
  ['a unix socket', overUnix],
  ['TLS', overTls],
])('what an agent sends over %s', (_, open) => {
  test('is read in order, from its first large read on in memory that is lent, and then its end', async () => {
    const { ours, theirs } = await open();
    const read: Buffer[] = [];
    const memory: ArrayBufferLike[] = [];
    let kept = 0;
    let hasEnded = false;
    ours.on('end', () => (hasEnded = true));
    new AgentReads(ours, { copyUnread: () => (kept += 1) }, (bytes) => {
      read.push(Buffer.from(bytes));
      memory.push(bytes.buffer);
      if (read.length % 3 !== 0) return;
      ours.pause();
      setTimeout(() => ours.resume(), 1);
    });
    theirs.write('small');
    await until('the first read', () => read.length > 0);
    theirs.end(BYTES);
    await until('the end', () => hasEnded);
    expect(Buffer.concat(read).equals(Buffer.concat([Buffer.from('small'), BYTES]))).toBe(true);
    const lent = memory.filter((one) => one === memory.at(-1));
    expect([lent.length, memory[0] === lent[0]]).toEqual([kept, false]);
    expect(kept).toBeGreaterThan(3);
  });

  test('is read by whoever listens next, as of any stream', async () => {
    const { ours, theirs } = await open();
    let lentBytes = 0;
    const reads = new AgentReads(ours, { copyUnread: () => {} }, ({ length }) => (lentBytes += length));
    theirs.write(BYTES);
    await until('all bytes', () => lentBytes === BYTES.length);
    reads.stop();
    ours.pause();
    const read: Buffer[] = [];
    theirs.end(BYTES);
    await new Promise((resolve) => setTimeout(resolve, 20));
    ours.on('data', (bytes: Buffer) => read.push(bytes));
    ours.resume();
    await once(ours, 'end');
    expect(Buffer.concat(read).equals(BYTES)).toBe(true);
    expect(lentBytes).toBe(BYTES.length);
  });
});

test('another stream is read as it is', async () => {
  const stream = new PassThrough();
  const read: Buffer[] = [];
  const copyUnread = (): never => expect.fail('nothing was lent');
  const reads = new AgentReads(stream, { copyUnread }, (bytes) => read.push(bytes));
  for (const size of [10, 20_000, 20_000]) stream.write(Buffer.alloc(size));
  await until('all reads', () => read.length === 3);
  reads.stop();
  stream.write('for somebody else');
  await new Promise(setImmediate);
  expect(read.length).toBe(3);
});
