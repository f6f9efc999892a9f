import { describe, expect, it } from 'vitest';
import { DOCUMENTS, head, NOW, TOKEN, useRestApi } from '../../support/control-plane/rest-api.ts';

/** A path of the document with what is there in the default tenant. */
function named(path: string): string {
  return path.replace('{kind}', 'AccessPolicy').replace('{name}', 'agent-api').replace('{id}', '1');
}

describe('access to the REST API', () => {
  const api = useRestApi();

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
      const answer = await api.app.inject({
        method,
        url,
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="sidekey"');
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({ code: 'admin-required' });
    }
  });

  it('lists every guarded route in the OpenAPI document, and nothing unguarded under /v1', async () => {
    const document = (await api.app.inject('/openapi.json')).json<{
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

  it('lets nobody through to any route of the document who is no administrator, or of another tenant', async () => {
    await api.call('POST', '/v1/apply', { body: { documents: `${head('Tenant', 'acme')} {}` } });
    await api.call('POST', '/v1/apply', { body: { documents: DOCUMENTS } });
    const { paths } = (await api.app.inject('/openapi.json')).json<{ paths: Record<string, object> }>();
    const foreign = `Bearer ${await api.oidc.sign({ aud: 'sidekey-admin', groups: ['platform'], tenants: 'acme' }, NOW)}`;
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase() as 'GET', named(path)] as const),
    );
    const guarded = routes.filter(([, url]) => url.startsWith('/v1/'));
    expect(guarded.length).toBeGreaterThan(12);
    for (const [method, url] of guarded) {
      for (const target of [
        url,
        `${url}?workload=agent`,
        `${url}/`,
        `//${url}`,
        url.replace('v1', '%761'),
        url.replace('/v1', '/V1'),
      ]) {
        const nobody = await api.app.inject({ method, url: target });
        expect([401, 404], `${method} ${target}`).toContain(nobody.statusCode);
        const headers = { authorization: foreign, 'sidekey-tenant': 'default', 'content-type': 'application/json' };
        const answer = await api.app.inject({ method, url: target, headers, payload: '{}' });
        expect([403, 404], `${method} ${target}`).toContain(answer.statusCode);
        expect(['tenant-forbidden', 'not-found'], `${method} ${target}`).toContain(
          answer.json<{ code: string }>().code,
        );
      }
      const own = { authorization: foreign, 'sidekey-tenant': 'acme' };
      const { payload } = await api.app.inject({ method, url, headers: own });
      expect(payload, `${method} ${url}`).not.toMatch(/api\.example\.com/);
    }
  });

  it.each([
    ['GET', '/v1/resources', undefined],
    ['GET', '/v1/resources/AccessPolicy', undefined],
    ['GET', '/v1/decisions', undefined],
    ['GET', '/v1/decisions?follow=true', undefined],
    ['GET', '/v1/revocations', undefined],
    ['GET', '/v1/sessions', undefined],
    ['GET', '/v1/verify-log', undefined],
    ['POST', '/v1/verify-log', { checkpoint: 'a.b.c' }],
  ] as const)('%s %s of a tenant that is not there does not pass for an empty one', async (method, url, body) => {
    const answer = await api.call(method, url, { tenant: 'nowhere', ...(body ? { body } : {}) });
    expect(answer).toMatchObject({ status: 404, body: { code: 'tenant-unknown' } });
  });

  it('makes a tenant together with what is in it', async () => {
    const documents = `${head('Tenant', 'new')} {}\n---\n${head('ServerWorkload', 'api')} {hosts: [api.example.com]}`;
    expect((await api.call('POST', '/v1/apply', { tenant: 'new', body: { documents } })).status).toBe(200);
    expect((await api.call('GET', '/v1/resources', { tenant: 'new' })).status).toBe(200);
  });

  it('holds an administrator of one tenant to that tenant', async () => {
    await api.call('POST', '/v1/apply', { body: { documents: `${head('Tenant', 'acme')} {}` } });
    const claims = { aud: 'sidekey-admin', groups: ['platform'], tenants: ['acme'] };
    const token = await api.oidc.sign(claims, NOW);
    expect((await api.call('GET', '/v1/resources', { token, tenant: 'acme' })).status).toBe(200);
    expect((await api.call('GET', '/v1/resources', { token })).body['code']).toBe('tenant-forbidden');
    expect((await api.call('POST', '/v1/keys/rotate', { token, tenant: 'acme' })).status).toBe(403);
    const tenants = await api.call('GET', '/v1/resources/Tenant', { token, tenant: 'acme' });
    expect(tenants.body['resources']).toMatchObject([{ metadata: { name: 'acme' } }]);
    const create = await api.call('POST', '/v1/apply', {
      token,
      tenant: 'acme',
      body: { documents: `${head('Tenant', 'mine')} {}` },
    });
    expect(create.body['code']).toBe('tenant-forbidden');
    const remove = await api.call('DELETE', '/v1/resources/Tenant/acme', { token, tenant: 'acme' });
    expect(remove.body['code']).toBe('tenant-forbidden');
    const every = await api.oidc.sign({ ...claims, tenants: ['acme', '*'] }, NOW);
    expect((await api.call('GET', '/v1/resources', { token: every })).status).toBe(200);
    for (const [wrong, why] of [
      [{ ...claims, aud: 'other' }, /evidence-wrong-audience/],
      [{ ...claims, groups: ['sales'] }, /do not make an administrator/],
      [{ ...claims, tenants: undefined }, /its claim tenants names no tenant/],
      [{ ...claims, tenants: [] }, /its claim tenants names no tenant/],
      [{ ...claims, tenants: [{ name: 'acme' }, true, ''] }, /its claim tenants names no tenant/],
      [{ ...claims, exp: NOW / 1000 - 60 }, /evidence-expired/],
      [{ ...claims, iss: 'https://elsewhere.example.com' }, /neither the bootstrap token of this control plane/],
    ] as const) {
      const refused = await api.call('GET', '/v1/resources', {
        token: await api.oidc.sign(wrong, NOW),
        tenant: 'acme',
      });
      expect(refused).toMatchObject({
        status: 401,
        body: { code: 'admin-required', detail: expect.stringMatching(why) },
      });
    }
  });

  it('has no answer to administrators kept by a cache, nor a refusal', async () => {
    for (const authorization of [`Bearer ${TOKEN}`, 'Bearer wrong']) {
      const { headers } = await api.app.inject({ url: '/v1/resources', headers: { authorization } });
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('serves health and the issuer to anybody', async () => {
    expect((await api.app.inject('/healthz')).statusCode).toBe(200);
    expect((await api.app.inject('/readyz')).statusCode).toBe(200);
    api.setReady(false);
    expect((await api.app.inject('/readyz')).statusCode).toBe(503);
    expect((await api.app.inject('/tenants/acme/.well-known/openid-configuration')).json()).toMatchObject({
      issuer: 'https://sidekey.example.com/tenants/acme',
    });
    for (const name of ['..%2Fx', 'A', 'a%22b'])
      expect((await api.app.inject(`/tenants/${name}/.well-known/openid-configuration`)).statusCode).toBe(400);
    expect((await api.app.inject('/.well-known/jwks.json')).headers['cache-control']).toContain('max-age');
  });

  it('refuses what is malformed without telling more than that', async () => {
    for (const url of ['/v1/resources/Nope', '/v1/decisions?limit=0'])
      expect((await api.call('GET', url)).status).toBe(400);
    expect((await api.call('GET', '/v1/resources', { tenant: '../x' })).body['code']).toBe('tenant-invalid');
    const broken = await api.app.inject({
      method: 'POST',
      url: '/v1/apply',
      payload: '{"documents',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    });
    expect(broken.statusCode).toBe(400);
    expect((await api.app.inject('/nothing')).json()).toMatchObject({ code: 'not-found' });
    expect(api.bugs).toEqual([]);
  });
});
