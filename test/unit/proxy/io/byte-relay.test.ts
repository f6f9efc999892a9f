import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type RelayEnd, relayBytes } from '../../../../proxy/io/byte-relay.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Both ends of a connection over TCP. */
async function connection(allowHalfOpen: boolean): Promise<[client: Socket, server: Socket]> {
  const server = net.createServer({ allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const accepted = once(server, 'connection');
  const client = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen });
  const [socket] = (await accepted) as [Socket];
  for (const one of [client, socket]) one.on('error', () => {});
  closers.push(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return [client, socket];
}

test('an agent that goes on sending gets all that the upstream said before its end', async () => {
  const [agent, agentSide] = await connection(true);
  const [upstreamSide, upstream] = await connection(false);
  const ended = new Promise<RelayEnd>((done) => relayBytes(agentSide, upstreamSide, 10_000, done));
  const all = Buffer.alloc(16 * 1024 * 1024, 'x');
  upstream.resume();
  upstream.end(all);
  const sending = setInterval(() => agent.write('more'), 1);
  closers.push(() => clearInterval(sending));
  await new Promise((resolve) => setTimeout(resolve, 100));
  let received = 0;
  for await (const bytes of agent) {
    received += (bytes as Buffer).length;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(received).toBe(all.length);
  clearInterval(sending);
  agent.end();
  expect(await ended).toMatchObject({ reason: 'ok', received });
});

test('what comes of the agent while the upstream ends breaks nothing', async () => {
  const [agent, agentSide] = await connection(true);
  const [upstreamSide, upstream] = await connection(false);
  const ended = new Promise<RelayEnd>((done) => relayBytes(agentSide, upstreamSide, 10_000, done));
  // Behind Node's own end of that side, ahead of its finish.
  upstreamSide.once('end', () => process.nextTick(() => process.nextTick(() => agentSide.push('late'))));
  upstream.end('all');
  agent.on('data', () => agent.end());
  expect(await ended).toMatchObject({ reason: 'ok', received: 3 });
});
