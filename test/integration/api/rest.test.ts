import { describe, expect, it } from 'vitest';
import { DOCUMENTS, head, useRestApi } from '../../support/control-plane/rest-api.ts';

describe('REST API', () => {
  const api = useRestApi();

  it('applies documents and resources, and reads them back without secrets', async () => {
    const tenant = await api.freshTenant();
    const first = await api.call('POST', '/v1/apply', { tenant, body: { documents: DOCUMENTS } });
    expect(first).toMatchObject({ status: 200, body: { dryRun: false, policyVersion: 2 } });
    const all = await api.call('GET', '/v1/resources', { tenant });
    expect(JSON.stringify(all.body)).not.toContain('hunter2');
    const again = await api.call('POST', '/v1/apply', {
      tenant,
      body: { resources: all.body['resources'], prune: true },
    });
    expect(again.body).toMatchObject({ policyVersion: 2 });
    const one = await api.call('GET', '/v1/resources/ServerWorkload/api', { tenant });
    expect(one.body).toMatchObject({ kind: 'ServerWorkload', spec: { ports: [443] } });
    expect((await api.call('GET', '/v1/resources/ServerWorkload/none', { tenant })).status).toBe(404);
  });

  it('warns, when it is applied, of what is most likely a slip', async () => {
    const tenant = await api.freshTenant();
    const apply = async (documents: string): Promise<unknown> =>
      (await api.call('POST', '/v1/apply', { tenant, body: { documents } })).body['warnings'];
    expect(await apply(DOCUMENTS)).toMatchObject([{ resource: 'CredentialProvider/key', field: 'spec.boundTo' }]);
    const denying = (rules: string): string =>
      `${head('AccessPolicy', 'no-keys')} {effect: deny, clientWorkload: agent, serverWorkload: api${rules}}`;
    const vain = denying('');
    const warned = {
      resource: 'AccessPolicy/no-keys',
      field: 'spec.effect',
      message: expect.stringContaining('AccessPolicy "agent-api", which allows, is more specific'),
    };
    expect(await apply(vain)).toMatchObject([warned]);
    expect(await apply(vain)).toEqual([]);
    expect(await apply(DOCUMENTS.replace('/v1/**', '/v2/**'))).toMatchObject([warned]);
    const met = denying(", rules: [{methods: [GET], paths: ['/v2/**']}]");
    expect(await apply(met)).toEqual([]);
  });

  it('names resource, field and line of what is wrong', async () => {
    const tenant = await api.freshTenant();
    const yaml = await api.call('POST', '/v1/apply', {
      tenant,
      body: { documents: `${head('ServerWorkload', 'x')}\n  hosts: [a.example.com]\n  port: 1\n` },
    });
    expect(yaml).toMatchObject({
      status: 422,
      body: {
        code: 'resources-invalid',
        errors: [{ file: 'documents', line: 6, field: 'spec.port', message: 'unknown field; did you mean ports?' }],
      },
    });
    const json = await api.call('POST', '/v1/apply', {
      tenant,
      body: {
        resources: [
          { apiVersion: 'sidekey.dev/v1', kind: 'ServerWorkload', metadata: { name: 'x' }, spec: { hosts: [] } },
        ],
      },
    });
    expect(json).toMatchObject({
      status: 422,
      body: { errors: [{ resource: 'ServerWorkload/x', field: 'spec.hosts' }] },
    });
    const dangling = await api.call('POST', '/v1/apply', {
      tenant,
      body: { documents: DOCUMENTS.replace('serverWorkload: api', 'serverWorkload: apo') },
    });
    expect(dangling).toMatchObject({
      status: 422,
      body: {
        errors: [{ resource: 'AccessPolicy/agent-api', file: 'documents', line: 22, field: 'spec.serverWorkload' }],
      },
    });
    const cel = await api.call('POST', '/v1/apply', {
      tenant,
      body: { documents: `${head('AccessCondition', 'c')} {type: cel, expression: 'request.('}` },
    });
    expect(cel).toMatchObject({
      status: 422,
      body: { errors: [{ resource: 'AccessCondition/c', field: 'spec.expression' }] },
    });
  });

  it('deletes what nothing needs', async () => {
    const tenant = await api.freshTenant();
    await api.call('POST', '/v1/apply', { tenant, body: { documents: DOCUMENTS } });
    expect(await api.call('DELETE', '/v1/resources/ServerWorkload/api', { tenant })).toMatchObject({
      status: 409,
      body: { code: 'resource-in-use' },
    });
    expect((await api.call('DELETE', '/v1/resources/AccessPolicy/agent-api', { tenant })).status).toBe(204);
    expect((await api.call('DELETE', '/v1/resources/AccessPolicy/agent-api', { tenant })).status).toBe(404);
  });

  it("lists a workload's placeholders, always the same and for nobody else", async () => {
    const policy = `${head('AccessPolicy', 'agent-placeholder')}
  clientWorkload: '*'
  serverWorkload: api
  credentials: [{provider: key, inject: {type: placeholder, in: header, name: Authorization, environment: API_KEY}}]`;
    const other = `${head('ClientWorkload', 'other')} {selectors: {all: [{claim: local.user, equals: you}]}}`;
    const tenant = await api.freshTenant();
    const documents = `${DOCUMENTS}\n---\n${other}\n---\n${policy}`;
    expect((await api.call('POST', '/v1/apply', { tenant, body: { documents } })).status).toBe(200);
    const list = async (workload: string) => {
      const { body } = await api.call('GET', `/v1/placeholders?workload=${workload}`, { tenant });
      return body['placeholders'] as Record<string, unknown>[];
    };
    const [found] = await list('agent');
    expect(found).toMatchObject({ accessPolicy: 'agent-placeholder', in: 'header', environment: 'API_KEY' });
    expect(found?.['placeholder']).toMatch(/^sk_placeholder_[\w-]{43}$/);
    expect(await list('agent')).toEqual([found]);
    expect((await list('other'))[0]?.['placeholder']).not.toBe(found?.['placeholder']);
    expect((await api.call('GET', '/v1/placeholders?workload=nobody', { tenant })).status).toBe(400);
  });

  it('explains, revocations included', async () => {
    const tenant = await api.freshTenant();
    await api.call('POST', '/v1/apply', { tenant, body: { documents: DOCUMENTS } });
    const ask = async (body: object) =>
      (await api.call('POST', '/v1/explain', { tenant, body: { workload: 'agent', ...body } })).body;
    expect(await ask({ url: 'https://api.example.com/v1/x?y=1' })).toMatchObject({
      outcome: 'allow',
      reason: 'ok',
      policy: 'agent-api',
      serverWorkload: 'api',
    });
    expect(await ask({ url: 'https://api.example.com/v1/x', method: 'DELETE' })).toMatchObject({
      outcome: 'deny',
      reason: 'rule-denied',
    });
    expect(await ask({ url: 'https://other.example.com/' })).toMatchObject({ outcome: 'deny', reason: 'no-route' });
    await api.call('POST', '/v1/revocations', { tenant, body: { target: 'workload', name: 'agent' } });
    expect(await ask({ url: 'https://api.example.com/v1/x' })).toMatchObject({
      outcome: 'deny',
      reason: 'workload-revoked',
    });
    for (const url of [
      'ftp://x/',
      'https://01.2.3/',
      'https://u@api.example.com/',
      'https://api.example.com/%2e%2e/%00',
    ]) {
      const wrong = await api.call('POST', '/v1/explain', { tenant, body: { workload: 'agent', url } });
      expect(wrong).toMatchObject({ status: 400, body: { code: 'url-invalid' } });
    }
    const traced = { workload: 'agent', url: 'https://api.example.com/v1/x', method: 'TRACE' };
    expect(await api.call('POST', '/v1/explain', { tenant, body: traced })).toMatchObject({
      status: 400,
      body: { code: 'method-refused' },
    });
    const named = await api.call('POST', '/v1/explain', {
      tenant,
      body: { workload: 'agent', url: 'https://u:pw@api.example.com/' },
    });
    expect(JSON.stringify(named.body)).toContain('must not hold a user or password');
  });

  it('revokes once, lists and lifts by id and by target', async () => {
    const tenant = await api.freshTenant();
    const others = [
      { target: 'workload', name: 'alice' },
      { target: 'user', name: 'bob' },
    ];
    for (const other of others) await api.call('POST', '/v1/revocations', { tenant, body: other });
    const body = { target: 'user', name: 'alice', reason: 'left' };
    const first = await api.call('POST', '/v1/revocations', { tenant, body });
    expect(first).toMatchObject({
      status: 201,
      body: { target: 'user', name: 'alice', createdBy: 'bootstrap', liftedAt: null },
    });
    expect((await api.call('POST', '/v1/revocations', { tenant, body })).body['id']).toBe(first.body['id']);
    expect((await api.call('GET', '/v1/revocations', { tenant })).body['revocations']).toHaveLength(3);
    expect((await api.call('DELETE', `/v1/revocations/${String(first.body['id'])}`, { tenant })).body['liftedBy']).toBe(
      'bootstrap',
    );
    expect((await api.call('DELETE', `/v1/revocations/${String(first.body['id'])}`, { tenant })).status).toBe(404);
    await api.call('POST', '/v1/revocations', { tenant, body });
    expect(
      (await api.call('DELETE', '/v1/revocations', { tenant, body: { target: 'user', name: 'alice' } })).status,
    ).toBe(200);
    expect((await api.call('GET', '/v1/revocations', { tenant })).body['revocations']).toMatchObject(others);
    expect((await api.call('GET', '/v1/revocations?all=true', { tenant })).body['revocations']).toHaveLength(4);
    expect(
      (await api.call('POST', '/v1/revocations', { tenant, body: { target: 'tenant', name: 'other' } })).status,
    ).toBe(400);
    expect((await api.call('POST', '/v1/revocations', { tenant: 'nowhere', body })).status).toBe(404);
    const nobody = { target: 'session', name: 'nope' };
    expect(await api.call('POST', '/v1/revocations', { tenant, body: nobody })).toMatchObject({
      status: 404,
      body: { code: 'session-unknown' },
    });
    expect((await api.call('GET', '/v1/revocations', { tenant })).body['revocations']).toHaveLength(2);
  });

  it.each([
    ['POST', '/v1/revocations', { target: 'user', name: 'a\0b' }],
    ['POST', '/v1/revocations', { target: 'user', name: 'ab', reason: '\0' }],
    ['DELETE', '/v1/revocations', { target: 'user', name: 'a\0b' }],
    ['DELETE', '/v1/revocations/a%00b', undefined],
    ['DELETE', '/v1/resources/ServerWorkload/a%00b', undefined],
    ['GET', '/v1/verify-log?instance=a%00b', undefined],
    ['GET', '/v1/decisions?user=a%00b', undefined],
    ['GET', '/v1/decisions?after=1e30', undefined],
    ['GET', '/v1/decisions?since=2016-12-31T23:59:60Z', undefined],
    ['GET', '/v1/decisions?until=2016-12-31T23:59:60Z', undefined],
  ] as const)('refuses what the database cannot be asked: %s %s %o', async (method, url, body) => {
    const tenant = await api.freshTenant();
    const answer = await api.call(method, url, { tenant, ...(body === undefined ? {} : { body }) });
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad-request' } });
    expect(api.bugs).toEqual([]);
  });

  it('asks for decisions since before the epoch, in any year', async () => {
    const tenant = await api.freshTenant();
    const found = await api.call('GET', '/v1/decisions?since=0000-01-01T00:00:00Z', { tenant });
    expect(found).toMatchObject({ status: 200, body: { decisions: [] } });
  });

  it('answers the log, its proof and the sessions of an empty tenant', async () => {
    const tenant = await api.freshTenant();
    expect((await api.call('GET', '/v1/decisions?outcome=denied&limit=5', { tenant })).body).toEqual({ decisions: [] });
    expect((await api.call('GET', '/v1/verify-log', { tenant })).body).toEqual({
      ok: true,
      chains: [],
      checkpoints: { count: 0 },
    });
    expect((await api.call('GET', '/v1/sessions', { tenant })).body).toEqual({ sessions: [] });
    expect((await api.call('GET', '/v1/decisions?outcome=maybe', { tenant })).status).toBe(400);
    expect((await api.call('GET', '/v1/decisions?reason=denid', { tenant })).status).toBe(400);
    expect((await api.call('POST', '/v1/keys/rotate', { body: {} })).body).toEqual({
      resealed: 0,
      rotated: ['issuer'],
    });
  });
});
