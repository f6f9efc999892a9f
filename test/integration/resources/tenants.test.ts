import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import type { Resource } from '../../../control-plane/resources/kinds.ts';
import { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { SET, documents, head, makeTenant } from '../../support/control-plane/resource-documents.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

describeStores('tenants of the resource store', (fixture) => {
  let resources: ResourceStore;
  const freshTenant = () => makeTenant(resources);
  beforeAll(() => {
    const current = sealingKey(randomBytes(32));
    resources = new ResourceStore(fixture().store, new Sealer({ current, older: [] }));
  });

  it('holds tenants apart', async () => {
    const tenant = await freshTenant();
    const other = await freshTenant();
    await resources.apply(tenant, documents(SET));
    expect(await resources.list(other)).toEqual([]);
    expect((await resources.list(other, 'Tenant')).map((one) => one.metadata.name)).toEqual([other]);
    await expect(resources.apply('nowhere', documents(SET))).rejects.toMatchObject({ code: 'tenant-unknown' });
  });

  it('holds no more of a tenant than its Tenant says, and lets what is there be changed and deleted', async () => {
    const tenant = await freshTenant();
    const limit = (maxResources: number) =>
      resources.apply('default', documents(`${head('Tenant', tenant)} {maxResources: ${maxResources}}`));
    await limit(4);
    await resources.apply(tenant, documents(SET));
    const more = documents(`${head('ServerWorkload', 'more')} {hosts: [more.example.com]}`);
    await expect(resources.apply(tenant, more)).rejects.toMatchObject({
      code: 'too-many-resources',
      message: expect.stringContaining('5 resources, and may have 4'),
    });
    expect(await resources.list(tenant)).toHaveLength(4);
    await limit(2);
    const changed = SET.replace('[GET]', '[PUT]');
    expect((await resources.apply(tenant, documents(changed))).changes.at(-1)).toMatchObject({ action: 'updated' });
    await resources.delete(tenant, 'AccessPolicy', 'agent-api');
    await expect(resources.apply(tenant, documents(SET))).rejects.toMatchObject({ code: 'too-many-resources' });
    await resources.apply(tenant, more, { prune: true });
    expect(await resources.list(tenant)).toHaveLength(1);
    await resources.apply(
      tenant,
      more.concat(documents(`${head('ServerWorkload', 'last')} {hosts: [last.example.com]}`)),
    );
    const others = await freshTenant();
    await resources.apply(others, documents(SET));
  });

  it('holds no more text of a tenant than fits that number, and lets what is there be changed', async () => {
    const tenant = await freshTenant();
    const limit = (maxResources: number) =>
      resources.apply('default', documents(`${head('Tenant', tenant)} {maxResources: ${maxResources}}`));
    await limit(4_000);
    await resources.apply(tenant, documents(SET));
    /** Of over two million characters. */
    const long = (name: string, fill = 'x'): Resource[] =>
      documents(`${head('AccessPolicy', name)} {clientWorkload: agent, serverWorkload: api}`).map((one) => {
        const rule = { contentTypes: Array.from({ length: 256 }, () => fill.repeat(2_000)) };
        return { ...one, spec: { ...one.spec, rules: [rule, rule, rule, rule] } } as Resource;
      });
    for (const name of ['a', 'b', 'c', 'd', 'e']) await resources.apply(tenant, long(name));
    await limit(10);
    const refused = {
      code: 'too-many-resources',
      message: expect.stringMatching(/\d+ characters of resources, and may have 4096000 /),
    };
    await expect(resources.apply(tenant, long('f'))).rejects.toMatchObject(refused);
    expect((await resources.apply(tenant, long('a', 'y'))).changes).toMatchObject([{ action: 'updated' }]);
    for (const name of ['a', 'b', 'c', 'd']) await resources.delete(tenant, 'AccessPolicy', name);
    await expect(resources.apply(tenant, long('f'))).rejects.toMatchObject(refused);
  });

  it('holds no more hosts with their ports than fit that number', async () => {
    const tenant = await freshTenant();
    await resources.apply('default', documents(`${head('Tenant', tenant)} {maxResources: 10}`));
    const server = (name: string, ports: number): Resource[] => {
      const hosts = Array.from({ length: 250 }, (_, n) => `h${n}.${name}.example.com`);
      return documents(
        `${head('ServerWorkload', name)} ${JSON.stringify({ hosts, ports: Array.from({ length: ports }, (_, n) => n + 1) })}`,
      );
    };
    await resources.apply(tenant, [...server('a', 64), ...server('b', 16)]);
    await expect(resources.apply(tenant, server('c', 1))).rejects.toMatchObject({
      code: 'too-many-resources',
      message: expect.stringContaining('20250 hosts of servers'),
    });
  });

  it('holds no more text of those whom its secrets are bound to than fits that number', async () => {
    const tenant = await freshTenant();
    const value = 'x'.repeat(1_000);
    const any = Array.from({ length: 4 }, () => ({
      claim: 'local.user',
      in: Array.from({ length: 256 }, () => value),
    }));
    const agents = { trust: ['local'], clientWorkloads: ['agent'] };
    const spec = {
      type: 'static',
      secret: { value: 'x' },
      boundTo: { hosts: ['a.example.com'], inject: [{ type: 'bearer' }], agents },
    };
    const bound = (count: number) =>
      documents(
        Array.from(
          { length: count },
          (_, n) => `${head('CredentialProvider', `key-${n}`)} ${JSON.stringify(spec)}`,
        ).join('\n---\n'),
      );
    await resources.apply(tenant, [
      ...documents(`${head('TrustProvider', 'local')} {type: local}`),
      ...documents(`${head('ClientWorkload', 'agent')} ${JSON.stringify({ selectors: { any } })}`),
      ...bound(19),
    ]);
    await expect(resources.apply(tenant, bound(20))).rejects.toMatchObject({
      code: 'too-many-resources',
      message: expect.stringMatching(
        /20[56]\d{5} characters of those whom secrets are bound to, once for each secret, and may have 20480000 /,
      ),
    });
    await resources.delete(tenant, 'CredentialProvider', 'key-0');
  });

  it('says that a Tenant cannot be read, as it says of other resources, and takes another in its place', async () => {
    const tenant = await freshTenant();
    await fixture().store.system((tx) =>
      tx.query(`update tenants set spec = '{"later": 1}'::jsonb where name = $1`, [tenant]),
    );
    const outdated = { code: 'resource-outdated', message: expect.stringContaining(`Tenant/${tenant}`) };
    await expect(resources.apply(tenant, documents(SET))).rejects.toMatchObject(outdated);
    await expect(resources.delete(tenant, 'ServerWorkload', 'api')).rejects.toMatchObject(outdated);
    await expect(resources.listTenants()).rejects.toMatchObject(outdated);
    await resources.apply('default', documents(`${head('Tenant', tenant)} {}`));
    await resources.apply(tenant, documents(SET));
  });
});
