import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ProxyServiceService } from '../../proto/gen/sidekey/v1/proxy.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';
import { billingResources, resource, TestControlPlane } from '../support/control-plane/control-plane.ts';
import { RawProxy, reasonOf } from '../support/agents/raw-proxy.ts';

const billing = useBillingPlane();
let elsewhere: TestControlPlane;
beforeAll(async () => {
  await billing.apply(resource('Tenant', 'neighbour', {}));
  const resources = billingResources(billing.cluster);
  expect(await billing.plane.applyTo('neighbour', resources)).toBe(200);
  elsewhere = await TestControlPlane.start();
  expect(await elsewhere.applyTo('default', resources)).toBe(200);
}, 180_000);
afterAll(() => elsewhere.close());

/** A proxy's evidence with its proof, as whoever receives its Attest has them. */
async function overheard() {
  const victim = billing.proxy();
  const token = await billing.cluster.token('prod', 'billing');
  const proof = victim.proofs.make(ProxyServiceService.attest.path, token, Date.now());
  return { victim, token, changes: { proof, proxyKey: victim.proofs.publicKeyDer, instanceId: victim.instanceId } };
}

const refusalOf = (asked: Promise<unknown>): Promise<unknown> => asked.then(() => 'answered', reasonOf);

it('an Attest that was answered is answered no second time, by its tenant or another', async () => {
  const { victim, token, changes } = await overheard();
  await victim.attest(token, changes);
  const thief = billing.proxy();
  for (const tenant of ['default', 'neighbour']) {
    expect(await refusalOf(thief.attest(token, { ...changes, tenant }))).toBe('proof-replayed');
  }
});

it('one that was meant for another tenant or control plane gives a session that only the key can use', async () => {
  const { victim, token, changes } = await overheard();
  const inTenant = billing.proxy();
  await inTenant.attest(token, { ...changes, tenant: 'neighbour' });
  const away = new RawProxy(elsewhere.running.grpcAddress, elsewhere.running.caPem);
  billing.track(away);
  await away.attest(token, changes);
  for (const thief of [inTenant, away]) expect(await refusalOf(thief.ask(QUESTION))).toBe('session-invalid');
  // Nor is a session of one control plane any at another, though the key be right.
  away.proofs = victim.proofs;
  expect((await away.ask(QUESTION)).outcome?.$case).toBe('grant');
  expect(await refusalOf(away.moveTo(billing.proxy()).ask(QUESTION))).toBe('session-invalid');
});

it('evidence for one audience is none for another', async () => {
  const token = await billing.cluster.token('prod', 'billing', 'sidekey-staging');
  expect(await refusalOf(billing.proxy().attest(token))).toBe('evidence-wrong-audience');
});

it('of a thousand watches of one session few stay open, and those of its neighbours do', async () => {
  const [greedy, neighbour] = [await billing.attested(), await billing.attested()];
  const kept = neighbour.watch();
  let open = 0;
  const ended = new Map<string | undefined, number>();
  const watches = Array.from({ length: 1_000 }, () => {
    const watch = greedy.watch();
    open += 1;
    void watch.ended.then((error) => {
      open -= 1;
      ended.set(reasonOf(error), (ended.get(reasonOf(error)) ?? 0) + 1);
    });
    return watch;
  });
  await vi.waitFor(() => expect(open).toBe(8), 60_000);
  expect([...ended]).toEqual([['overloaded', 992]]);
  const before = kept.events.length;
  await vi.waitFor(() => expect(kept.events.length).toBeGreaterThan(before), 20_000);
  expect((await greedy.ask(QUESTION)).outcome?.$case).toBe('grant');
  for (const { cancel } of [...watches, kept]) cancel();
}, 90_000);
