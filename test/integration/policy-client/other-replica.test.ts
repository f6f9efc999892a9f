import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeControlPlane } from '../../fakes/control-plane.ts';
import { type BreakableRelay, startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { ROUTE } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

// A balancer leads new connections to a sound replica, and keeps those that stand with one that cannot serve.
const links = useLinkedClients();
const sound = new FakeControlPlane();
let relay: BreakableRelay;

beforeEach(async () => {
  sound.snapshot = { routes: [ROUTE] };
  await sound.start();
  relay = await startBreakableRelay(portOf(links.plane));
});

afterEach(async () => {
  await relay.close();
  sound.stop();
});

const portOf = ({ address }: FakeControlPlane): number => Number(address.split(':').at(-1));
const options = () => ({ address: `127.0.0.1:${relay.port}`, caPem: [links.plane.caPem, sound.caPem].join('\n') });

// Its clock is wrong, or its database away.
it.each(['session-invalid', 'not-ready'] as const)(
  'attests at another replica where the one that it is connected to says %s',
  async (reason) => {
    links.plane.refuseAttest = reason;
    const client = await links.startClient(options());
    await until('it was refused', () => client.stats().attestationFailures > 0);
    relay.to(portOf(sound));
    await client.ready;
    expect(relay.fronts.length).toBeGreaterThan(1);
  },
);

it.each(['overloaded', 'workload-revoked', 'evidence-expired'] as const)(
  'keeps its connection where it hears %s, which another replica says as well',
  async (reason) => {
    links.plane.refuseAttest = reason;
    const client = await links.startClient(options());
    await until('it was refused again', () => client.stats().attestationFailures > 2);
    expect(relay.fronts).toHaveLength(1);
  },
);

it('watches at another replica where the one that it is connected to can serve no more', async () => {
  const client = await links.readyClient(options());
  relay.to(portOf(sound));
  links.plane.end('watches', 'not-ready', status.UNAVAILABLE);
  await until('it watches there', () => client.connected && sound.watches.size === 1, 10_000);
});
