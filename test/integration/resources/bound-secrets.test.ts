import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { createDevIdentity } from '../../../cli/dev-identity.ts';
import { parseResource } from '../../../control-plane/resources/parse-resource.ts';
import { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { resealAll } from '../../../control-plane/store/sealed-secrets.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { documents, head, makeTenant, SET } from '../../support/control-plane/resource-documents.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

const KEY = sealingKey(randomBytes(32));
const HMAC = '{type: hmac, signed: "{{body}}", headers: [{name: x-signature, value: "{{signature}}"}]}';
const BOUND = SET.replace(
  'secret: {value: hunter2}',
  'secret: {value: hunter2}, boundTo: {hosts: [api.example.com], inject: [{type: bearer}]}',
);
const OAUTH = `${head('CredentialProvider', 'oauth')} {type: oauth2-client-credentials, tokenUrl: 'https://id.example.com/token', clientId: me, auth: {method: client_secret_basic, clientSecret: {value: s3cret}}}`;

describeStores('secrets that are bound', (fixture) => {
  let sealer: Sealer;
  let resources: ResourceStore;
  const freshTenant = () => makeTenant(resources);
  const open = async (tenant: string, provider = 'api-key', field: 'secret' | 'auth.clientSecret' = 'secret') =>
    (await resources.openSecret(await resources.loadPolicySet(tenant), provider, field))?.reveal();
  const write = (tenant: string, sql: string) => fixture().store.transaction(tenant, (tx) => tx.query(sql));

  beforeAll(() => {
    sealer = new Sealer({ current: KEY, older: [] });
    resources = new ResourceStore(fixture().store, sealer);
  });

  it('keeps what was sealed before there were bindings, for whatever policy says', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(SET));
    const [row] = await fixture().store.transaction(tenant, (tx) =>
      tx.query<{ sealed: Buffer; bound_to: string }>('select sealed, bound_to from sealed_secrets'),
    );
    expect(row?.bound_to).toBe('');
    // As releases before this one sealed it.
    const context = `sealed_secrets\0${tenant}\0CredentialProvider/api-key/secret`;
    expect(sealer.open(row?.sealed ?? Buffer.alloc(0), context).reveal()).toBe('hunter2');
    expect(await open(tenant)).toBe('hunter2');
  });

  it('says of a client secret that is not bound to its token endpoint yet that it must be given again, and takes it', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(OAUTH));
    const name = 'CredentialProvider/oauth/auth.clientSecret';
    const [row] = await fixture().store.transaction(tenant, (tx) =>
      tx.query<{ sealed: Buffer; bound_to: string }>('select sealed, bound_to from sealed_secrets'),
    );
    const value = sealer.open(row?.sealed ?? Buffer.alloc(0), `sealed_secrets\0${tenant}\0${name}\0${row?.bound_to}`);
    const older = sealer.seal(value, `sealed_secrets\0${tenant}\0${name}`);
    await fixture().store.transaction(tenant, (tx) =>
      tx.query("update sealed_secrets set sealed = $1, bound_to = ''", [older]),
    );
    await expect(open(tenant, 'oauth', 'auth.clientSecret')).rejects.toMatchObject({
      code: 'sealed-otherwise',
      message: expect.stringContaining('apply the provider with its value'),
    });
    const sealed = documents(OAUTH.replace('{value: s3cret}', '{sealed: true}'));
    await expect(resources.apply(tenant, sealed)).rejects.toThrow(/oauth: spec.auth.clientSecret: .* give it again/);
    const { changes } = await resources.apply(tenant, documents(OAUTH));
    expect(changes[0]).toMatchObject({ action: 'updated', fields: [{ after: '[sealed, bound anew]' }] });
    expect(await open(tenant, 'oauth', 'auth.clientSecret')).toBe('s3cret');
    expect((await resources.apply(tenant, sealed)).changes[0]?.action).toBe('unchanged');
  });

  it('opens for nobody who has changed what it is bound to, in whichever row', async () => {
    const tenant = await freshTenant();
    for (const [sql, code] of [
      [
        `update resources set spec = jsonb_set(spec, '{boundTo,hosts}', '["evil.example"]') where name = 'api-key'`,
        'sealed-otherwise',
      ],
      [`update resources set spec = spec - 'boundTo' where name = 'api-key'`, 'sealed-otherwise'],
      [`update sealed_secrets set bound_to = ''`, 'sealed-forged'],
      [`update sealed_secrets set bound_to = replace(bound_to, 'api.example.com', 'evil.example')`, 'sealed-forged'],
    ] as const) {
      await resources.apply(tenant, documents(BOUND));
      expect(await open(tenant)).toBe('hunter2');
      await write(tenant, sql);
      await expect(open(tenant)).rejects.toMatchObject({ code });
    }
    await resources.apply(tenant, documents(BOUND));
    expect(await open(tenant)).toBe('hunter2');
  });

  it('stays bound when it is sealed under a new key', async () => {
    const tenant = await freshTenant();
    await resources.apply(tenant, documents(BOUND));
    const next = sealingKey(randomBytes(32));
    await fixture().store.system((tx) => resealAll(tx, new Sealer({ current: next, older: [KEY] })));
    sealer.adopt({ current: next, older: [KEY] });
    expect(await open(tenant)).toBe('hunter2');
    await write(tenant, `update sealed_secrets set bound_to = ''`);
    await expect(open(tenant)).rejects.toMatchObject({ code: 'sealed-forged' });
  });

  it('takes a binding of a release that had fewer fields for the same, where they have their defaults', async () => {
    const tenant = await freshTenant();
    const signed = BOUND.replace('inject: [{type: bearer}]', `inject: [${HMAC}]`).replace(
      'inject: {type: bearer}',
      `inject: ${HMAC}`,
    );
    await resources.apply(tenant, documents(signed));
    const [row] = await fixture().store.transaction(tenant, (tx) =>
      tx.query<{ bound_to: string }>('select bound_to from sealed_secrets'),
    );
    const older = row?.bound_to.replace('"hash":"sha256",', '') ?? '';
    expect(older).not.toBe(row?.bound_to);
    const name = 'CredentialProvider/api-key/secret';
    const value = sealer.seal((await held(tenant)) ?? never(), `sealed_secrets\0${tenant}\0${name}\0${older}`);
    await fixture().store.transaction(tenant, (tx) =>
      tx.query('update sealed_secrets set sealed = $1, bound_to = $2', [value, older]),
    );
    expect(await open(tenant)).toBe('hunter2');
  });

  it('names those for whom it is, and refuses those that do not exist', async () => {
    const tenant = await freshTenant();
    const strange = BOUND.replace(
      'inject: [{type: bearer}]}',
      'inject: [{type: bearer}], agents: {trust: [nobody], clientWorkloads: [agent]}}',
    );
    await expect(resources.apply(tenant, documents(strange))).rejects.toMatchObject({
      issues: [{ field: 'spec.boundTo.agents.trust[0]', message: 'there is no TrustProvider "nobody"' }],
    });
  });

  it('is bound to no trust provider that changes by itself, as that of `sidekey dev` does', async () => {
    const tenant = await freshTenant();
    const trust = createDevIdentity().resources.flatMap((one) => {
      const parsed = parseResource(one);
      return parsed.ok && parsed.resource.kind === 'TrustProvider' ? [parsed.resource] : [];
    });
    const text = BOUND.replace(
      'inject: [{type: bearer}]}',
      'inject: [{type: bearer}], agents: {trust: [sidekey-dev], clientWorkloads: [agent]}}',
    );
    expect(trust).toHaveLength(1);
    await expect(resources.apply(tenant, [...trust, ...documents(text)])).rejects.toMatchObject({
      issues: [{ field: 'spec.boundTo.agents.trust[0]', message: expect.stringContaining('changes by itself') }],
    });
  });

  const held = async (tenant: string) =>
    resources.openSecret(await resources.loadPolicySet(tenant), 'api-key', 'secret');
});

function never(): never {
  throw new Error('there is no secret');
}
