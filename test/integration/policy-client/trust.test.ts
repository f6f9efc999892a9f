import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRootAuthority } from '../../../common/x509/authority.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { type BreakableRelay, startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';
import { until } from '../../support/until.ts';

const FOREIGN = toPem(createRootAuthority('somebody else').certificateDer);

const links = useLinkedClients();
let relay: BreakableRelay;
beforeEach(async () => {
  relay = await startBreakableRelay(Number(links.plane.address.split(':').at(-1)));
});
afterEach(() => relay.close());

const through = () => ({ address: `127.0.0.1:${relay.port}` });

it('a client that trusted another authority connects once it trusts the right one', async () => {
  const client = await links.startClient({ ...through(), caPem: FOREIGN });
  await until('it refused the control plane', () => client.stats().attestationFailures > 1);
  expect(links.plane.attests).toHaveLength(0);
  client.trust(links.plane.caPem);
  await client.ready;
  expect(links.plane.attests).toHaveLength(1);
});

it('what stands is kept, and the next connection goes by the changed authorities', async () => {
  const client = await links.readyClient(through());
  client.trust(FOREIGN);
  expect(client.connected).toBe(true);
  expect(relay.fronts).toHaveLength(1);
  relay.strike('resets');
  await until('it tried again', () => relay.fronts.length > 2);
  expect(client.connected).toBe(false);
  expect(links.plane.watches.size).toBe(0);
  client.trust(`${FOREIGN}\n${links.plane.caPem}`);
  await until('it watches again', () => client.connected, 10_000);
});
