import { randomBytes, randomUUID } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { createAdminAuthenticator } from '../../../control-plane/api/rest-admin.ts';
import type { RestDependencies } from '../../../control-plane/api/rest-dependencies.ts';
import { createExplainer } from '../../../control-plane/api/rest-explain.ts';
import { PlaceholderKeys } from '../../../control-plane/api/placeholder-keys.ts';
import { createPlaceholderReader } from '../../../control-plane/api/rest-placeholders.ts';
import { buildRestApp } from '../../../control-plane/api/rest-server.ts';
import { Revocations } from '../../../control-plane/api/revocations.ts';
import { listSessions } from '../../../control-plane/api/session-list.ts';
import { JwksCache } from '../../../control-plane/attestation/jwks-cache.ts';
import { followDecisions, queryDecisions } from '../../../control-plane/audit/query-decisions.ts';
import { verifyChains } from '../../../control-plane/audit/verify.ts';
import { checkResource } from '../../../control-plane/policy/check-resource.ts';
import { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { openStore, type SqlStore } from '../../../control-plane/store/sql.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { TokenIssuer } from '../../support/token-issuer.ts';

const TOKEN = 'bootstrap-token-of-this-test';
const NOW = Date.UTC(2026, 0, 15, 12);
const head = (kind: string, name: string) =>
  `apiVersion: sidekey.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:`;
const DOCUMENTS = `
${head('ClientWorkload', 'agent')} {selectors: {all: [{claim: local.user, equals: me}]}}
---
${head('ServerWorkload', 'api')} {hosts: [api.example.com]}
---
${head('CredentialProvider', 'key')} {type: static, secret: {value: hunter2}}
---
${head('AccessPolicy', 'agent-api')}
  clientWorkload: agent
  serverWorkload: api
  rules: [{methods: [GET], paths: ['/v1/**']}]
  credentials: [{provider: key, inject: {type: bearer}}]
`;

describe('REST API', () => {
  let store: SqlStore;
  let app: FastifyInstance;
  const oidc = new TokenIssuer('https://id.example.com');
  const bugs: unknown[] = [];
  let ready = true;

  beforeAll(async () => {
    store = await openStore();
    app = await buildRestApp(dependencies(store));
  });
  afterAll(async () => {
    await app.close();
    await store.close();
  });
  beforeEach(() => {
    bugs.length = 0;
    ready = true;
  });

  function dependencies(sql: SqlStore): RestDependencies {
    const clock = new ManualClock(NOW);
    const sealer = new Sealer({ current: sealingKey(randomBytes(32)), older: [] });
    const resources = new ResourceStore(sql, sealer, checkResource);
    const revocations = new Revocations(sql);
    const jwks = new JwksCache({
      fetcher: { fetch: () => Promise.reject(new Error('offline')), close: async () => {} },
      clock,
    });
    const team = {
      issuer: oidc.issuer,
      audience: 'sidekey-admin',
      jwks: { inline: oidc.jwks },
      selectors: { all: [{ claim: 'groups', equals: 'platform' }] },
      tenants: ['acme'],
    };
    return {
      authenticate: createAdminAuthenticator({ bootstrapToken: new Secret(TOKEN), oidc: [team], jwks, clock }),
      resources,
      revocations,
      listSessions: (tenant, options) => listSessions(sql, tenant, options),
      decisions: {
        query: (tenant, filter, page) => queryDecisions(sql, tenant, filter, page),
        follow: (tenant, filter, from, onEntries) => followDecisions(sql, tenant, filter, from, onEntries),
        verify: (tenant, instance) => verifyChains(sql, tenant, instance),
      },
      explain: createExplainer({ resources, revocations, clock }),
      placeholders: createPlaceholderReader({ resources, placeholders: new PlaceholderKeys(sql, sealer) }),
      rotateKeys: () => Promise.resolve({ resealed: 0, rotated: ['issuer'] }),
      issuer: { discovery: () => ({ issuer: 'https://sidekey.example.com' }), jwks: () => ({ keys: [] }) },
      notReady: () => Promise.resolve(ready ? undefined : 'the store cannot be reached'),
      clock,
      onError: (error) => bugs.push(error),
    };
  }

  async function call(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    options: { body?: object; tenant?: string; token?: string } = {},
  ) {
    const request: InjectOptions = {
      method,
      url,
      headers: {
        authorization: `Bearer ${options.token ?? TOKEN}`,
        ...(options.tenant === undefined ? {} : { 'sidekey-tenant': options.tenant }),
      },
      ...(options.body === undefined ? {} : { payload: options.body }),
    };
    const answer = await app.inject(request);
    const body: Record<string, unknown> = answer.body === '' ? {} : answer.json();
    return { status: answer.statusCode, body, headers: answer.headers };
  }

  async function freshTenant(): Promise<string> {
    const name = `t-${randomUUID().slice(0, 8)}`;
    const made = await call('POST', '/v1/apply', { body: { documents: `${head('Tenant', name)} {}` } });
    expect(made.status).toBe(200);
    return name;
  }

  it.each([
    ['GET', '/v1/resources/AccessPolicy'],
    ['POST', '/v1/apply'],
    ['DELETE', '/v1/resources/AccessPolicy/x'],
    ['POST', '/v1/explain'],
    ['GET', '/v1/decisions'],
    ['GET', '/v1/decisions?follow=true'],
    ['POST', '/v1/revocations'],
    ['GET', '/v1/revocations'],
    ['DELETE', '/v1/revocations/x'],
    ['GET', '/v1/sessions'],
    ['GET', '/v1/verify-log'],
    ['POST', '/v1/keys/rotate'],
  ] as const)('%s %s is closed without an administrator', async (method, url) => {
    for (const authorization of [undefined, 'Bearer wrong-token-altogether', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
      const answer = await app.inject({ method, url, headers: authorization === undefined ? {} : { authorization } });
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="sidekey"');
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({ code: 'admin-required' });
    }
  });

  it('lists every guarded route in the OpenAPI document, and nothing unguarded under /v1', async () => {
    const document = (await app.inject('/openapi.json')).json<{
      openapi: string;
      paths: Record<string, Record<string, { security?: unknown }>>;
    }>();
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        path,
        method,
        guarded: operation.security !== undefined,
      })),
    );
    expect(operations.filter((one) => one.path.startsWith('/v1/')).every((one) => one.guarded)).toBe(true);
    expect(operations.length).toBeGreaterThan(15);
  });

  it('applies documents and resources, and reads them back without secrets', async () => {
    const tenant = await freshTenant();
    const first = await call('POST', '/v1/apply', { tenant, body: { documents: DOCUMENTS } });
    expect(first).toMatchObject({ status: 200, body: { dryRun: false, policyVersion: 2 } });
    const all = await call('GET', '/v1/resources', { tenant });
    expect(JSON.stringify(all.body)).not.toContain('hunter2');
    const again = await call('POST', '/v1/apply', { tenant, body: { resources: all.body['resources'], prune: true } });
    expect(again.body).toMatchObject({ policyVersion: 2 });
    const one = await call('GET', '/v1/resources/ServerWorkload/api', { tenant });
    expect(one.body).toMatchObject({ kind: 'ServerWorkload', spec: { ports: [443] } });
    expect((await call('GET', '/v1/resources/ServerWorkload/none', { tenant })).status).toBe(404);
  });

  it('names resource, field and line of what is wrong', async () => {
    const tenant = await freshTenant();
    const yaml = await call('POST', '/v1/apply', {
      tenant,
      body: { documents: `${head('ServerWorkload', 'x')}\n  hosts: [a.example.com]\n  port: 1\n` },
    });
    expect(yaml).toMatchObject({
      status: 422,
      body: {
        code: 'resources-invalid',
        errors: [{ file: 'documents', line: 6, field: 'spec.port', message: 'unknown field' }],
      },
    });
    const json = await call('POST', '/v1/apply', {
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
    const dangling = await call('POST', '/v1/apply', {
      tenant,
      body: { documents: DOCUMENTS.replace('serverWorkload: api', 'serverWorkload: apo') },
    });
    expect(dangling).toMatchObject({
      status: 422,
      body: { errors: [{ resource: 'AccessPolicy/agent-api', field: 'spec.serverWorkload' }] },
    });
    const cel = await call('POST', '/v1/apply', {
      tenant,
      body: { documents: `${head('AccessCondition', 'c')} {type: cel, expression: 'request.('}` },
    });
    expect(cel).toMatchObject({
      status: 422,
      body: { errors: [{ resource: 'AccessCondition/c', field: 'spec.expression' }] },
    });
  });

  it('deletes what nothing needs', async () => {
    const tenant = await freshTenant();
    await call('POST', '/v1/apply', { tenant, body: { documents: DOCUMENTS } });
    expect(await call('DELETE', '/v1/resources/ServerWorkload/api', { tenant })).toMatchObject({
      status: 409,
      body: { code: 'resource-in-use' },
    });
    expect((await call('DELETE', '/v1/resources/AccessPolicy/agent-api', { tenant })).status).toBe(204);
    expect((await call('DELETE', '/v1/resources/AccessPolicy/agent-api', { tenant })).status).toBe(404);
  });

  it("lists a workload's placeholders, always the same and for nobody else", async () => {
    const policy = `${head('AccessPolicy', 'agent-placeholder')}
  clientWorkload: '*'
  serverWorkload: api
  credentials: [{provider: key, inject: {type: placeholder, in: header, name: Authorization, environment: API_KEY}}]`;
    const other = `${head('ClientWorkload', 'other')} {selectors: {all: [{claim: local.user, equals: you}]}}`;
    const tenant = await freshTenant();
    const documents = `${DOCUMENTS}\n---\n${other}\n---\n${policy}`;
    expect((await call('POST', '/v1/apply', { tenant, body: { documents } })).status).toBe(200);
    const list = async (workload: string) => {
      const { body } = await call('GET', `/v1/placeholders?workload=${workload}`, { tenant });
      return body['placeholders'] as Record<string, unknown>[];
    };
    const [found] = await list('agent');
    expect(found).toMatchObject({ accessPolicy: 'agent-placeholder', in: 'header', environment: 'API_KEY' });
    expect(found?.['placeholder']).toMatch(/^sk_placeholder_[\w-]{43}$/);
    expect(await list('agent')).toEqual([found]);
    expect((await list('other'))[0]?.['placeholder']).not.toBe(found?.['placeholder']);
    expect((await call('GET', '/v1/placeholders?workload=nobody', { tenant })).status).toBe(400);
  });

  it('explains, revocations included', async () => {
    const tenant = await freshTenant();
    await call('POST', '/v1/apply', { tenant, body: { documents: DOCUMENTS } });
    const ask = async (body: object) =>
      (await call('POST', '/v1/explain', { tenant, body: { workload: 'agent', ...body } })).body;
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
    await call('POST', '/v1/revocations', { tenant, body: { target: 'workload', name: 'agent' } });
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
      const wrong = await call('POST', '/v1/explain', { tenant, body: { workload: 'agent', url } });
      expect(wrong).toMatchObject({ status: 400, body: { code: 'url-invalid' } });
    }
  });

  it('revokes once, lists and lifts by id and by target', async () => {
    const tenant = await freshTenant();
    const body = { target: 'user', name: 'alice', reason: 'left' };
    const first = await call('POST', '/v1/revocations', { tenant, body });
    expect(first).toMatchObject({
      status: 201,
      body: { target: 'user', name: 'alice', createdBy: 'bootstrap', liftedAt: null },
    });
    expect((await call('POST', '/v1/revocations', { tenant, body })).body['id']).toBe(first.body['id']);
    expect((await call('GET', '/v1/revocations', { tenant })).body['revocations']).toHaveLength(1);
    expect((await call('DELETE', `/v1/revocations/${String(first.body['id'])}`, { tenant })).body['liftedBy']).toBe(
      'bootstrap',
    );
    expect((await call('DELETE', `/v1/revocations/${String(first.body['id'])}`, { tenant })).status).toBe(404);
    await call('POST', '/v1/revocations', { tenant, body });
    expect((await call('DELETE', '/v1/revocations', { tenant, body: { target: 'user', name: 'alice' } })).status).toBe(
      200,
    );
    expect((await call('GET', '/v1/revocations', { tenant })).body['revocations']).toEqual([]);
    expect((await call('GET', '/v1/revocations?all=true', { tenant })).body['revocations']).toHaveLength(2);
    expect((await call('POST', '/v1/revocations', { tenant, body: { target: 'tenant', name: 'other' } })).status).toBe(
      400,
    );
    expect((await call('POST', '/v1/revocations', { tenant: 'nowhere', body })).status).toBe(404);
  });

  it('holds an administrator of one tenant to that tenant', async () => {
    await call('POST', '/v1/apply', { body: { documents: `${head('Tenant', 'acme')} {}` } });
    const claims = { aud: 'sidekey-admin', groups: ['platform'] };
    const token = await oidc.sign(claims, NOW);
    expect((await call('GET', '/v1/resources', { token, tenant: 'acme' })).status).toBe(200);
    expect((await call('GET', '/v1/resources', { token })).body['code']).toBe('tenant-forbidden');
    expect((await call('POST', '/v1/keys/rotate', { token, tenant: 'acme' })).status).toBe(403);
    const tenants = await call('GET', '/v1/resources/Tenant', { token, tenant: 'acme' });
    expect(tenants.body['resources']).toMatchObject([{ metadata: { name: 'acme' } }]);
    const create = await call('POST', '/v1/apply', {
      token,
      tenant: 'acme',
      body: { documents: `${head('Tenant', 'mine')} {}` },
    });
    expect(create.body['code']).toBe('tenant-forbidden');
    for (const wrong of [
      { ...claims, aud: 'other' },
      { ...claims, groups: ['sales'] },
      { ...claims, exp: NOW / 1000 - 60 },
    ]) {
      expect((await call('GET', '/v1/resources', { token: await oidc.sign(wrong, NOW), tenant: 'acme' })).status).toBe(
        401,
      );
    }
  });

  it('answers the log, its proof and the sessions of an empty tenant', async () => {
    const tenant = await freshTenant();
    expect((await call('GET', '/v1/decisions?outcome=denied&limit=5', { tenant })).body).toEqual({ decisions: [] });
    expect((await call('GET', '/v1/verify-log', { tenant })).body).toEqual({ ok: true, chains: [] });
    expect((await call('GET', '/v1/sessions', { tenant })).body).toEqual({ sessions: [] });
    expect((await call('GET', '/v1/decisions?outcome=maybe', { tenant })).status).toBe(400);
    expect((await call('POST', '/v1/keys/rotate', { body: {} })).body).toEqual({ resealed: 0, rotated: ['issuer'] });
  });

  it('serves health and the issuer to anybody', async () => {
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    ready = false;
    expect((await app.inject('/readyz')).statusCode).toBe(503);
    expect((await app.inject('/.well-known/openid-configuration')).json()).toEqual({
      issuer: 'https://sidekey.example.com',
    });
    expect((await app.inject('/.well-known/jwks.json')).headers['cache-control']).toContain('max-age');
  });

  it('refuses what is malformed without telling more than that', async () => {
    for (const url of ['/v1/resources/Nope', '/v1/decisions?limit=0'])
      expect((await call('GET', url)).status).toBe(400);
    expect((await call('GET', '/v1/resources', { tenant: '../x' })).body['code']).toBe('tenant-invalid');
    const broken = await app.inject({
      method: 'POST',
      url: '/v1/apply',
      payload: '{"documents',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    });
    expect(broken.statusCode).toBe(400);
    expect((await app.inject('/nothing')).json()).toMatchObject({ code: 'not-found' });
    expect(bugs).toEqual([]);
  });
});

describe('administrators', () => {
  const clock = new ManualClock(NOW);
  const jwks = new JwksCache({
    fetcher: { fetch: () => Promise.reject(new Error('offline')), close: async () => {} },
    clock,
  });

  it('are never nobody', () => {
    expect(() => createAdminAuthenticator({ bootstrapToken: undefined, oidc: [], jwks, clock })).toThrow(/never open/);
    expect(() => createAdminAuthenticator({ bootstrapToken: new Secret('short'), oidc: [], jwks, clock })).toThrow(
      /20 bytes/,
    );
  });
});
