import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { documents, head, makeTenant, SET } from '../../support/control-plane/resource-documents.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

const KEY = sealingKey(randomBytes(32));

describeStores('stored resources', (fixture) => {
  let resources: ResourceStore;
  const freshTenant = () => makeTenant(resources);
  beforeAll(() => {
    resources = new ResourceStore(fixture().store, new Sealer({ current: KEY, older: [] }));
  });

  it('names what an older release stored in another form, and lets it be replaced', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    await fixture().store.transaction(tenant, (tx) =>
      tx.query(`update resources set spec = '{"credential": {}}' where kind = 'AccessPolicy' and name = 'agent-api'`),
    );
    const outdated = { code: 'resource-outdated', message: expect.stringContaining('AccessPolicy/agent-api') };
    await expect(resources.list(tenant)).rejects.toMatchObject(outdated);
    await expect(resources.loadPolicySet(tenant)).rejects.toMatchObject(outdated);
    const [other] = documents(`${head('ServerWorkload', 'other')} {hosts: [other.example.com]}`);
    await expect(resources.apply(tenant, other ? [other] : [])).rejects.toMatchObject(outdated);
    await resources.apply(tenant, documents(SET));
    expect((await resources.loadPolicySet(tenant)).accessPolicies.get('agent-api')).toMatchObject({
      clientWorkload: 'agent',
    });
  });

  it('deletes what an older release stored in another form', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    await fixture().store.transaction(tenant, (tx) =>
      tx.query(`update resources set spec = '{"old": {}}' where kind in ('AccessPolicy', 'ServerWorkload')`),
    );
    await expect(resources.delete(tenant, 'AccessPolicy', 'nope')).rejects.toMatchObject({ code: 'resource-unknown' });
    await resources.delete(tenant, 'AccessPolicy', 'agent-api');
    for (const { name } of await fixture().store.transaction(tenant, (tx) =>
      tx.query<{ name: string }>(`select name from resources where kind = 'ServerWorkload'`),
    )) {
      await resources.delete(tenant, 'ServerWorkload', name);
    }
    expect((await resources.loadPolicySet(tenant)).accessPolicies.size).toBe(0);
  });

  it('stores more than fits one statement', async () => {
    const tenant = await freshTenant();
    const many = (domain: string) =>
      documents(
        Array.from({ length: 450 }, (_, at) => `${head('ServerWorkload', `s${at}`)} {hosts: [h${at}.${domain}]}`).join(
          '\n---\n',
        ),
      );
    for (const domain of ['example.com', 'example.net']) {
      await resources.apply(tenant, many(domain));
      const stored = await resources.list(tenant, 'ServerWorkload');
      const hosts = stored.map((one) => (one.kind === 'ServerWorkload' ? one.spec.hosts : []));
      expect(new Set(hosts.flat())).toEqual(new Set(Array.from({ length: 450 }, (_, at) => `h${at}.${domain}`)));
    }
    const again = await resources.apply(tenant, many('example.net'));
    expect(new Set(again.changes.map(({ action }) => action))).toEqual(new Set(['unchanged']));
  });
});
