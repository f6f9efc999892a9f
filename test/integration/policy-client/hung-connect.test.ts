import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BreakableRelay, startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { until } from '../../support/until.ts';

// What dials a pod that is gone: nobody answers, and nobody says that nobody will.
const links = useLinkedClients();
const LIMITS = { heartbeatTimeoutMs: 500, attestTimeoutMs: 500 };
let silent: net.Server;
let relay: BreakableRelay;
const held: net.Socket[] = [];

beforeEach(async () => {
  silent = net.createServer((socket) => {
    held.push(socket);
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  relay = await startBreakableRelay(portOf(silent));
});

afterEach(async () => {
  await relay.close();
  for (const socket of held.splice(0)) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;
const planePort = (): number => Number(links.plane.address.split(':').at(-1));
const address = (): string => `127.0.0.1:${relay.port}`;

it('attests over a new connection when the first hangs', async () => {
  const client = await links.startClient({ address: address(), limits: LIMITS });
  await until('the silent server was dialled', () => held.length === 1);
  relay.to(planePort());
  await client.ready;
  expect(client.connected).toBe(true);
});

it('watches over a new connection when one hangs that was tried after others were refused', async () => {
  relay.to(planePort());
  const client = await links.readyClient({ address: address(), limits: LIMITS });
  relay.to(1);
  relay.strike('resets');
  await until('the link dropped', () => !client.connected);
  const refused = relay.fronts.length;
  await until('it was refused', () => relay.fronts.length > refused + 1);
  relay.to(portOf(silent));
  await until('the silent server was dialled', () => held.length > 0);
  relay.to(planePort());
  await until('the link is up again', () => client.connected, 10_000);
});
