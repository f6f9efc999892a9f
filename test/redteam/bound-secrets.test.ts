import { createPublicKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { CHANNELS, notifyFrom, type Sql } from '../../control-plane/store/sql-store.ts';
import { openStore } from '../../control-plane/store/open-store.ts';
import { GuardedWorld, READY_MS, SECRET } from '../support/worlds/guarded-world.ts';
import { hasPostgres } from '../support/control-plane/postgres.ts';
import { makeResource } from '../support/worlds/world-policy.ts';
import { createSigningKey } from '../../common/signing-key.ts';

let guarded: GuardedWorld;
beforeAll(async () => {
  guarded = await GuardedWorld.start();
}, 240_000);
afterAll(() => guarded.close());

const SEALED = { sealed: true };
const MINE = {
  ...createPublicKey(createSigningKey()).export({ format: 'jwk' }),
  alg: 'ES256',
};
const bearer = { provider: 'guarded', inject: { type: 'bearer' } };
const server = (changes: object = {}) => makeResource('ServerWorkload', 'guarded', { ...guarded.server, ...changes });
const bound = (changes: object) => guarded.provider(SEALED, { boundTo: { ...guarded.boundTo, ...changes } });
const onPolicy = 'AccessPolicy/guarded spec.credentials[0]';
const CHANGED = 'is changed only together with the secret';

type Attempt = readonly [title: string, place: string, message: string, resources: () => readonly object[]];

describe('A-70: an author of policy who does not know a bound secret', () => {
  test('sees it used where it is bound, and nowhere else', () => {
    expect(guarded.api.heard.at(-1)).toContain(`Bearer ${SECRET}`);
  });

  test.each<Attempt>([
    [
      'names a host of its own',
      'AccessPolicy/mine spec.credentials[0]',
      'not bound to the host 127.0.0.1',
      () => [
        makeResource('ServerWorkload', 'mine', guarded.evilServer),
        makeResource('AccessPolicy', 'mine', {
          clientWorkload: 'agent',
          serverWorkload: 'mine',
          credentials: [bearer],
        }),
      ],
    ],
    [
      'adds a host to the server',
      onPolicy,
      'not bound to the host 127.0.0.1',
      () => [server({ hosts: ['localhost', '127.0.0.1'] })],
    ],
    [
      'widens the host by a wildcard',
      onPolicy,
      'not bound to the host *.example.com',
      () => [server({ hosts: ['*.example.com'] })],
    ],
    [
      'names a port of its own',
      onPolicy,
      'not bound to port',
      () => [server({ ports: [guarded.api.port, guarded.evil.port] })],
    ],
    [
      'brings an authority of its own',
      onPolicy,
      'tls.ca',
      () => [server({ tls: { ca: `${guarded.api.caPem}${guarded.evil.caPem}` } })],
    ],
    [
      'has the certificate verified for another name',
      onPolicy,
      'tls.serverName',
      () => [server({ tls: { ca: guarded.api.caPem, serverName: '127.0.0.1' } })],
    ],
    [
      'has it sent in the clear',
      onPolicy,
      'cleartext',
      () => [server({ tls: { ca: guarded.api.caPem, mode: 'plaintext' } })],
    ],
    [
      'puts it where the server shows it to others',
      'AccessPolicy/guarded spec.credentials[1]',
      'this place (json-field)',
      () => [
        guarded.policy({
          credentials: [bearer, { provider: 'guarded', inject: { type: 'json-field', pointer: '/comment' } }],
        }),
      ],
    ],
    [
      'lends it to an agent of its own',
      onPolicy,
      'the client workload mine',
      () => [
        makeResource('ClientWorkload', 'mine', { selectors: { all: [{ claim: 'oidc.sub', equals: 'mine' }] } }),
        guarded.policy({ clientWorkload: 'mine' }),
      ],
    ],
    ['lends it to everybody', onPolicy, 'all client workloads', () => [guarded.policy({ clientWorkload: '*' })]],
    [
      'counts itself as the agent',
      'ClientWorkload/agent spec.selectors.all[0].equals',
      'CredentialProvider "guarded" is sealed for what this said',
      () => [makeResource('ClientWorkload', 'agent', { selectors: { all: [{ claim: 'oidc.sub', equals: 'mine' }] } })],
    ],
    [
      'vouches for itself',
      'TrustProvider/world spec.issuer',
      'CredentialProvider "guarded" is sealed for what this said',
      () => [
        makeResource('TrustProvider', 'world', {
          type: 'oidc',
          issuer: 'https://issuer.mine.test',
          audience: 'sidekey',
          jwks: { inline: { keys: [MINE] } },
        }),
      ],
    ],
    ['adds a host to the binding', 'spec.boundTo.hosts', CHANGED, () => [bound({ hosts: ['localhost', '127.0.0.1'] })]],
    ['adds a port to the binding', 'spec.boundTo.ports', CHANGED, () => [bound({ ports: [guarded.evil.port] })]],
    ['adds an authority to the binding', 'spec.boundTo.tls', CHANGED, () => [bound({ tls: {} })]],
    [
      'adds a place to the binding',
      'spec.boundTo.inject',
      CHANGED,
      () => [bound({ inject: [{ type: 'query', name: 'q' }] })],
    ],
    ['frees it of whom it is for', 'spec.boundTo.agents', CHANGED, () => [bound({ agents: undefined })]],
    ['unbinds it', 'spec.boundTo', CHANGED, () => [guarded.provider(SEALED, { boundTo: undefined })]],
    [
      'takes it over into another provider',
      'CredentialProvider/mine spec.secret',
      'no value is stored',
      () => [makeResource('CredentialProvider', 'mine', { type: 'static', secret: SEALED })],
    ],
    [
      'makes a client secret of it',
      'spec.type',
      CHANGED,
      () => [
        makeResource('CredentialProvider', 'guarded', {
          type: 'oauth2-client-credentials',
          tokenUrl: guarded.evil.url,
          clientId: 'x',
          auth: { method: 'client_secret_post', clientSecret: SEALED },
        }),
      ],
    ],
    ['moves the token endpoint of a client secret', 'spec.tokenUrl', CHANGED, () => [tokensFrom(guarded.evil.url)]],
  ])('%s', async (_title, place, message, resources) => {
    const { status, body } = await guarded.apply(...resources());
    expect(status).toBe(422);
    const { errors } = body as { errors: { resource: string; field: string; message: string }[] };
    const told = errors.map((one) => `${one.resource} ${one.field}: ${one.message}`);
    expect(told).toContainEqual(expect.stringContaining(place));
    expect(told).toContainEqual(expect.stringContaining(message));
    expect(await guarded.call(guarded.evilUrl)).toBe('no-route');
    expect(guarded.evil.heard).toEqual([]);
  });

  test('deletes it to make it anew: the value is gone', async () => {
    expect((await guarded.world.rest('DELETE', '/v1/resources/CredentialProvider/guarded')).status).toBe(409);
    await guarded.world.rest('DELETE', '/v1/resources/AccessPolicy/guarded');
    expect((await guarded.world.rest('DELETE', '/v1/resources/CredentialProvider/guarded')).status).toBe(204);
    expect((await guarded.apply(guarded.provider(SEALED, { boundTo: undefined }))).body).toMatchObject({
      errors: [{ field: 'spec.secret', message: expect.stringContaining('no value is stored') }],
    });
    await guarded.restore();
  });

  test('who knows the secret binds it to something else, and nothing of it stays behind', async () => {
    const { status } = await guarded.apply(
      server({ ports: [guarded.api.port, guarded.evil.port], tls: { ca: guarded.api.caPem + guarded.evil.caPem } }),
      guarded.provider(
        { value: SECRET },
        {
          boundTo: {
            ...guarded.boundTo,
            ports: [guarded.api.port, guarded.evil.port],
            tls: { ca: guarded.api.caPem + guarded.evil.caPem },
          },
        },
      ),
    );
    expect(status).toBe(200);
    const url = `https://localhost:${guarded.evil.port}`;
    await vi.waitFor(async () => expect(await guarded.call(url)).toBe(200), READY_MS);
    expect(guarded.evil.heard.splice(0).at(-1)).toContain(SECRET);
    await guarded.restore();
    await vi.waitFor(async () => expect(await guarded.call(url)).toBe('no-route'), READY_MS);
    guarded.evil.heard.splice(0);
  });

  describe.skipIf(!hasPostgres)('and may write the database, but has no sealing key', () => {
    afterEach(async () => {
      await guarded.restore();
      expect(
        (await guarded.apply(tokensFrom(guarded.world.api.tokenUrl, guarded.world.api.client.secret))).status,
      ).toBe(200);
    });

    const moveServer = async (tx: Sql): Promise<void> => {
      await tx.query("update resources set spec = $1::jsonb where kind = 'ServerWorkload' and name = 'guarded'", [
        JSON.stringify(guarded.evilServer),
      ]);
    };

    test.each([
      ['of the server', 'binding-mismatch', moveServer],
      [
        'of the server and of the provider',
        'credential-unavailable',
        async (tx: Sql) => {
          await moveServer(tx);
          await tx.query(
            "update resources set spec = jsonb_set(spec, '{boundTo}', $1::jsonb) where kind = 'CredentialProvider' and name = 'guarded'",
            [JSON.stringify({ ...guarded.boundTo, hosts: ['127.0.0.1'], ports: [guarded.evil.port], tls: {} })],
          );
          await tx.query(
            "update resources set spec = spec #- '{tls,ca}' where kind = 'ServerWorkload' and name = 'guarded'",
          );
        },
      ],
      [
        'of the server, unbinding the provider',
        'credential-unavailable',
        async (tx: Sql) => {
          await moveServer(tx);
          await tx.query("update resources set spec = spec - 'boundTo' where name = 'guarded'");
          await tx.query("update sealed_secrets set bound_to = '' where name = 'CredentialProvider/guarded/secret'");
        },
      ],
    ])('changes the host %s: %s', async (_title, reason, change) => {
      await write(change);
      await vi.waitFor(async () => expect(await guarded.call(guarded.evilUrl)).toBe(reason), READY_MS);
      expect(guarded.evil.heard).toEqual([]);
    });

    test('changes the token endpoint: no client secret leaves', async () => {
      await write(async (tx) => {
        await tx.query("update resources set spec = $1::jsonb where name = 'api-token'", [
          JSON.stringify({ ...specOf(tokensFrom(guarded.evil.url)), ca: guarded.evil.caPem }),
        ]);
      });
      const url = guarded.world.api.url;
      await vi.waitFor(async () => expect(await guarded.call(url)).toBe('credential-unavailable'), READY_MS);
      expect(guarded.evil.heard).toEqual([]);
    });
  });
});

function tokensFrom(tokenUrl: string, value?: string): object {
  const { client, providerCaPem } = guarded.world.api;
  return makeResource('CredentialProvider', 'api-token', {
    type: 'oauth2-client-credentials',
    tokenUrl,
    clientId: client.id,
    auth: { method: 'client_secret_basic', clientSecret: value === undefined ? SEALED : { value } },
    scope: 'read',
    ca: providerCaPem,
    allowedAddresses: ['127.0.0.1/32', '::1/128'],
  });
}

function specOf(document: object): object {
  return 'spec' in document && typeof document.spec === 'object' && document.spec !== null ? document.spec : {};
}

/** As somebody with the database's password would. */
async function write(change: (tx: Sql) => Promise<void>): Promise<void> {
  const store = await openStore({ url: guarded.databaseUrl });
  await store.system(async (tx) => {
    await change(tx);
    await tx.query("update tenants set policy_version = policy_version + 1 where name = 'default'");
    await notifyFrom(tx, CHANNELS.policy, 'default');
  });
  await store.close();
}
