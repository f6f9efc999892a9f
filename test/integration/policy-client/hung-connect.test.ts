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

it('attests over a new connection when the one that stands has fallen silent', async () => {
  relay.to(planePort());
  links.plane.refuseAttest = 'workload-revoked';
  const client = await links.startClient({ address: address(), limits: LIMITS });
  await until('it was refused', () => client.stats().attestationFailures > 0);
  // As a network that has forgotten it: nobody hears of it, and no watch is there to miss its heartbeats.
  relay.strike('stalls');
  links.plane.refuseAttest = undefined;
  await until('the link is up', () => client.connected, 10_000);
});

it('goes on over a new connection after it stood still, as the network may have forgotten the old one', async () => {
  relay.to(planePort());
  const limits = { maxStillMs: 500, attestTimeoutMs: 600_000, heartbeatTimeoutMs: 600_000 };
  const client = await links.readyClient({ address: address(), limits });
  const before = client.session()?.id;
  relay.strike('stalls');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  await until('another session', () => client.connected && client.session()?.id !== before, 10_000);
});
