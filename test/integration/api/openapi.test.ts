import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import type { OpenApiDocument } from '../../support/control-plane/described-answers.ts';
import { useRestApi } from '../../support/control-plane/rest-api.ts';

// Every answer that a test gets by `useRestApi` or of a running `TestControlPlane` is held against the document.
describe('the OpenAPI document', () => {
  const api = useRestApi();
  const read = async () => (await api.app.inject('/openapi.json')).json<OpenApiDocument>();

  it('is one to a validator', async () => {
    const validator = new Validator();
    expect(await validator.validate({ ...(await read()) })).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('describes what every route answers, and how it refuses', async () => {
    for (const [path, methods] of Object.entries((await read()).paths)) {
      for (const [method, { responses, security }] of Object.entries(methods)) {
        const statuses = Object.keys(responses);
        expect(
          statuses.filter((status) => status < '300'),
          `${method} ${path}`,
        ).toHaveLength(1);
        expect(statuses, `${method} ${path}`).toEqual(
          expect.arrayContaining(security === undefined ? ['500'] : ['400', '401', '403', '404', '500', '503']),
        );
        expect(JSON.stringify(responses)).not.toContain('Default Response');
      }
    }
  });

  it('says 201 where a revocation is made', async () => {
    const { responses } = (await read()).paths['/v1/revocations']?.['post'] ?? { responses: {} };
    expect(Object.keys(responses)).toContain('201');
    expect(Object.keys(responses)).not.toContain('200');
  });

  it('has a schema for every reference', async () => {
    const document = await read();
    const names = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(new Set(names)).toEqual(new Set(Object.keys(document.components.schemas)));
  });

  it.each([
    ['GET', '/v1/decisions', { authorization: undefined }, undefined],
    ['GET', '/v1/resources/Nope', {}, undefined],
    ['POST', '/v1/apply', { 'content-type': 'text/plain' }, 'x'],
    ['POST', '/v1/apply', { 'content-type': 'application/json' }, 'x'.repeat(8_388_609)],
    ['DELETE', '/v1/revocations', { 'content-type': 'application/json' }, '{'],
    ['POST', '/v1/keys/rotate', { 'content-type': 'text/plain' }, 'x'],
    ['GET', '/tenants/A/.well-known/openid-configuration', {}, undefined],
    ['GET', '/.well-known/jwks.json', {}, undefined],
    ['GET', '/healthz', {}, undefined],
  ] as const)('describes the answer to %s %s with %j', async (method, url, headers, payload) => {
    await api.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  });
});
