import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { resealAll } from '../../../control-plane/store/sealed-secrets.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { CHANNELS, notifyFrom } from '../../../control-plane/store/sql-store.ts';
import { SET, documents, head, makeTenant, secretDocument } from '../../support/control-plane/resource-documents.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

const KEY = sealingKey(randomBytes(32));

describeStores('resource store', (fixture) => {
  let resources: ResourceStore;
  const freshTenant = () => makeTenant(resources);
  const open = async (tenant: string, provider: string, field: 'secret' | 'auth.clientSecret') =>
    resources.openSecret(await resources.loadPolicySet(tenant), provider, field);
  beforeAll(() => {
    resources = new ResourceStore(fixture().store, new Sealer({ current: KEY, older: [] }));
  });

  it('creates, keeps, updates and prunes, and says so', async () => {
    const tenant = await freshTenant();
    const first = await resources.apply(tenant, documents(SET));
    expect(first.changes.map((change) => `${change.action} ${change.kind}/${change.name}`)).toEqual([
      'created ClientWorkload/agent',
      'created ServerWorkload/api',
      'created CredentialProvider/api-key',
      'created AccessPolicy/agent-api',
    ]);
    const again = await resources.apply(tenant, documents(SET));
    expect(again.changes.every((change) => change.action === 'unchanged')).toBe(true);
    expect(again.policyVersion).toBe(first.policyVersion);

    const changed = await resources.apply(
      tenant,
      documents(SET.replace('[GET]', '[GET, POST]').replace('hunter2', 'hunter3')),
    );
    expect(changed.policyVersion).toBe(first.policyVersion + 1);
    expect(changed.changes.flatMap((change) => change.fields)).toEqual([
      { path: 'spec.secret', before: '[sealed]', after: '[sealed, changed]' },
      { path: 'spec.rules[0].methods', before: '["GET"]', after: '["GET","POST"]' },
    ]);

    const pruned = await resources.apply(tenant, documents(SET.split('---').slice(0, 2).join('---')), { prune: true });
    expect(pruned.changes.filter((change) => change.action === 'deleted').map((change) => change.name)).toEqual([
      'api-key',
      'agent-api',
    ]);
    expect(await open(tenant, 'api-key', 'secret')).toBeUndefined();
  });

  it('loads what decides', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    const set = await resources.loadPolicySet(tenant);
    expect(set.version).toBe(2);
    expect(set.serverWorkloads.get('api')).toEqual({
      hosts: ['api.example.com'],
      ports: [443],
      inspectBytes: 1_048_576,
      protocol: 'http',
      paths: { encodedSlash: 'refuse', emptySegments: 'refuse', parameters: 'refuse' },
      tls: { mode: 'verify' },
      allowedAddresses: [],
    });
    expect(set.accessPolicies.get('agent-api')?.leaseSeconds).toBe(30);
  });

  it('never shows a secret, and opens it for its own tenant only', async () => {
    const tenant = await freshTenant();
    const other = await freshTenant();
    await resources.apply(tenant, documents(SET));
    const shown = JSON.stringify([await resources.list(tenant), await resources.loadPolicySet(tenant)]);
    expect(shown).not.toContain('hunter2');
    expect((await resources.list(tenant, 'CredentialProvider'))[0]?.spec).toEqual({
      type: 'static',
      secret: { sealed: true },
      replaces: [],
    });
    expect((await open(tenant, 'api-key', 'secret'))?.reveal()).toBe('hunter2');
    expect(await open(other, 'api-key', 'secret')).toBeUndefined();
    const rows = await fixture().store.system((tx) =>
      tx.query<{ sealed: Buffer }>('select sealed from sealed_secrets'),
    );
    expect(rows.some((row) => row.sealed.includes('hunter2'))).toBe(false);
  });

  it('keeps a stored secret that is shown as sealed, but not for another destination', async () => {
    const tenant = await freshTenant();
    const provider = (tokenHost: string, secret: string) =>
      documents(
        `${head('CredentialProvider', 'oauth')} {type: oauth2-client-credentials, tokenUrl: 'https://${tokenHost}/token', clientId: me, auth: {method: client_secret_basic, clientSecret: ${secret}}}`,
      );
    await expect(resources.apply(tenant, provider('id.example.com', '{sealed: true}'))).rejects.toThrow(
      /no value is stored/,
    );
    await resources.apply(tenant, provider('id.example.com', '{value: s3cret}'));
    const kept = await resources.apply(tenant, provider('id.example.com', '{sealed: true}'));
    expect(kept.changes[0]?.action).toBe('unchanged');
    await expect(resources.apply(tenant, provider('evil.example.com', '{sealed: true}'))).rejects.toThrow(
      /oauth: spec.tokenUrl: is changed only together with the secret/,
    );
    expect((await open(tenant, 'oauth', 'auth.clientSecret'))?.reveal()).toBe('s3cret');
  });

  it('drops a secret whose place went away', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(secretDocument('{value: x}')));
    await resources.apply(
      tenant,
      documents(`${head('CredentialProvider', 'api-key')} {type: jwt, audience: a, subject: s}`),
    );
    expect(await open(tenant, 'api-key', 'secret')).toBeUndefined();
  });

  it('applies all or nothing, naming each dangling reference', async () => {
    const tenant = await freshTenant();
    const broken = SET.replace('provider: api-key', 'provider: other, ').replace(
      'serverWorkload: api',
      'serverWorkload: apo',
    );
    const refusal = resources.apply(tenant, documents(broken.replace(', ,', ',')));
    await expect(refusal).rejects.toMatchObject({
      code: 'resources-invalid',
      issues: [
        {
          kind: 'AccessPolicy',
          name: 'agent-api',
          field: 'spec.serverWorkload',
          message: 'there is no ServerWorkload "apo"',
        },
        {
          kind: 'AccessPolicy',
          name: 'agent-api',
          field: 'spec.credentials[0].provider',
          message: 'there is no CredentialProvider "other"',
        },
      ],
    });
    expect(await resources.list(tenant)).toEqual([]);
  });

  it('refuses duplicates and two owners of one host and port', async () => {
    const tenant = await freshTenant();
    const one = `${head('ServerWorkload', 'one')} {hosts: [x.example.com]}`;
    await expect(resources.apply(tenant, documents(`${one}\n---\n${one}`))).rejects.toThrow(/more than once/);
    await expect(resources.apply(tenant, documents(`${one}\n---\n${one.replace('one', 'two')}`))).rejects.toThrow(
      /claims x.example.com port 443 too/,
    );
  });

  it('refuses a pattern in a form of path that its server workload does not keep', async () => {
    const tenant = await freshTenant();
    const set = (paths: string): string =>
      `${head('ServerWorkload', 'git')} {hosts: [git.example.com], paths: {${paths}}}\n---\n${head('AccessPolicy', 'p')} {clientWorkload: '*', serverWorkload: git, rules: [{paths: [/projects/a%2Fb]}]}`;
    await expect(resources.apply(tenant, documents(set('')))).rejects.toMatchObject({
      issues: [{ kind: 'AccessPolicy', name: 'p', field: 'spec.rules[0].paths[0]' }],
    });
    await resources.apply(tenant, documents(set('encodedSlash: keep')));
  });

  it('asks the further check that it was given', async () => {
    const strict = new ResourceStore(fixture().store, new Sealer({ current: KEY, older: [] }), (resource) =>
      resource.kind === 'ServerWorkload' ? [{ field: 'spec.hosts[0]', message: 'not today' }] : [],
    );
    await expect(strict.apply(await freshTenant(), documents(SET))).rejects.toThrow(
      /ServerWorkload\/api: spec.hosts\[0\]: not today/,
    );
  });

  it('changes nothing on a dry run, and says what it would do', async () => {
    const tenant = await freshTenant();
    const result = await resources.apply(tenant, documents(`${SET}\n---\n${head('Tenant', 'never')} {}`), {
      dryRun: true,
    });
    expect(result).toMatchObject({ dryRun: true, policyVersion: 2 });
    expect(result.changes).toHaveLength(5);
    expect(await resources.list(tenant)).toEqual([]);
    expect((await resources.listTenants()).some((one) => one.metadata.name === 'never')).toBe(false);
  });

  it('deletes what nothing refers to', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    await expect(resources.delete(tenant, 'ServerWorkload', 'api')).rejects.toMatchObject({ code: 'resource-in-use' });
    await resources.delete(tenant, 'AccessPolicy', 'agent-api');
    await resources.delete(tenant, 'ServerWorkload', 'api');
    await expect(resources.delete(tenant, 'ServerWorkload', 'api')).rejects.toMatchObject({ code: 'resource-unknown' });
    await expect(resources.delete(tenant, 'Tenant', tenant)).rejects.toMatchObject({ code: 'tenant-in-use' });
    const empty = await freshTenant();
    // What stays behind of a tenant that was in use once.
    await fixture().store.system(async (tx) => {
      await tx.query("insert into sealed_secrets values ($1, 'placeholder-key', '\\x00', 'k')", [empty]);
      await tx.query("insert into authorities values ($1, 'root', '\\x00', '\\x00', 'k', now(), now())", [empty]);
      await tx.query("insert into revocations (tenant, id, target, name) values ($1, 'r', 'user', 'alice')", [empty]);
      await tx.query("insert into decision_heads values ($1, 'proxy', 0, '\\x00')", [empty]);
    });
    await resources.delete(tenant, 'Tenant', empty);
    await expect(resources.loadPolicySet(empty)).rejects.toMatchObject({ code: 'tenant-unknown' });
  });

  it('deletes beside what has become wrong by itself, and names what refers to it', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    await expect(resources.delete(tenant, 'ServerWorkload', 'api')).rejects.toMatchObject({
      issues: [{ kind: 'AccessPolicy', name: 'agent-api', field: 'spec.serverWorkload', message: 'refers to it' }],
    });
    // As after an upgrade that looks closer.
    const strict = new ResourceStore(fixture().store, new Sealer({ current: KEY, older: [] }), ({ kind }) =>
      kind === 'ServerWorkload' ? [{ field: 'spec.hosts[0]', message: 'not today' }] : [],
    );
    await strict.delete(tenant, 'AccessPolicy', 'agent-api');
    expect(await resources.list(tenant, 'AccessPolicy')).toEqual([]);
  });

  it('announces a change when it has committed, and only then', async () => {
    const tenant = await freshTenant();
    const heard: string[] = [];
    const stop = await fixture().store.listen(CHANNELS.policy, (payload) => heard.push(payload));
    await resources.apply(tenant, documents(SET), { dryRun: true });
    await resources.apply(tenant, documents(SET));
    await resources.apply(tenant, documents(SET));
    await fixture().store.system((tx) => notifyFrom(tx, CHANNELS.policy, 'end'));
    await expect.poll(() => heard).toContain('end');
    expect(heard).toEqual([tenant, 'end']);
    await stop();
  });

  it('applies one after the other when two ask at once', async () => {
    const tenant = await freshTenant();
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        resources.apply(tenant, documents(`${head('ServerWorkload', `s${index}`)} {hosts: [s${index}.example.com]}`)),
      ),
    );
    expect(results.map((result) => result.policyVersion).sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('reseals under a new key, after which the old key is not needed', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    const next = sealingKey(randomBytes(32));
    const both = new Sealer({ current: next, older: [KEY] });
    const count = await fixture().store.system((tx) => resealAll(tx, both));
    expect(count).toBeGreaterThan(0);
    expect(await fixture().store.system((tx) => resealAll(tx, both))).toBe(0);
    const rotated = new ResourceStore(fixture().store, new Sealer({ current: next, older: [] }));
    expect((await rotated.openSecret(await resources.loadPolicySet(tenant), 'api-key', 'secret'))?.reveal()).toBe(
      'hunter2',
    );
    await expect(open(tenant, 'api-key', 'secret')).rejects.toMatchObject({
      code: 'sealing-key-unknown',
    });
  });
});
