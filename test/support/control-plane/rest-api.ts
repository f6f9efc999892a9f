import { randomBytes, randomUUID } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { createAdminAuthenticator } from '../../../control-plane/api/rest/admin.ts';
import type { RestDependencies } from '../../../control-plane/api/rest/dependencies.ts';
import { createExplainer } from '../../../control-plane/api/rest/explain.ts';
import { PlaceholderKeys } from '../../../control-plane/credentials/placeholder-keys.ts';
import { createPlaceholderReader } from '../../../control-plane/api/rest/placeholders.ts';
import { buildRestApp } from '../../../control-plane/api/rest/server.ts';
import { JwksCache } from '../../../control-plane/attestation/jwks-cache.ts';
import { SessionRecords } from '../../../control-plane/attestation/session-records.ts';
import { followDecisions, queryDecisions } from '../../../control-plane/audit/query-decisions.ts';
import { verifyChains } from '../../../control-plane/audit/verify.ts';
import { verifyCheckpoints } from '../../../control-plane/audit/verify-checkpoints.ts';
import { SigningKeyRing } from '../../../control-plane/credentials/signing-keys.ts';
import { createMemoryKeyStore } from './memory-key-store.ts';
import { checkResource } from '../../../control-plane/policy/check-resource.ts';
import { RevocationStore } from '../../../control-plane/policy/revocation-store.ts';
import { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { Sealer, sealingKey } from '../../../control-plane/store/sealing.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../control-plane/store/sql-store.ts';
import { DescribedAnswers, type OpenApiDocument } from './described-answers.ts';
import { ManualClock } from '../manual-clock.ts';
import { TokenIssuer } from './token-issuer.ts';

export const TOKEN = 'bootstrap-token-of-this-test';
export const NOW = Date.UTC(2026, 0, 15, 12);
export const head = (kind: string, name: string) =>
  `apiVersion: sidekey.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:`;
export const DOCUMENTS = `
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

interface RestCall {
  readonly body?: object;
  readonly tenant?: string;
  readonly token?: string;
}

interface RestAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, unknown>;
}

/** The REST API over an in-memory store, for all tests of a file. `oidc` makes tokens of administrators of tenant `acme`. */
export interface RestApi {
  readonly app: FastifyInstance;
  readonly oidc: TokenIssuer;
  /** Unforeseen errors of the present test. */
  readonly bugs: readonly unknown[];
  setReady(ready: boolean): void;
  /** Answers of this and of `inject` are held against the OpenAPI document. */
  call(method: 'GET' | 'POST' | 'DELETE', url: string, options?: RestCall): Promise<RestAnswer>;
  /** As an administrator; a header that is undefined is left out. */
  inject(request: InjectOptions & { readonly url: string }): Promise<RestAnswer>;
  freshTenant(): Promise<string>;
}

export function useRestApi(): RestApi {
  let store: SqlStore;
  let app: FastifyInstance;
  let keys: SigningKeyRing;
  let described: DescribedAnswers;
  const oidc = new TokenIssuer('https://id.example.com');
  const bugs: unknown[] = [];
  let ready = true;

  beforeAll(async () => {
    store = await openStore();
    keys = await SigningKeyRing.open(createMemoryKeyStore(), new ManualClock(NOW));
    app = await buildRestApp(dependencies(store));
    described = new DescribedAnswers((await app.inject('/openapi.json')).json<OpenApiDocument>());
  }, 120_000);
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
    const revocations = new RevocationStore(sql);
    const jwks = new JwksCache({
      fetcher: { fetch: () => Promise.reject(new Error('offline')), close: async () => {} },
    });
    const team = {
      issuer: oidc.issuer,
      audience: 'sidekey-admin',
      jwks: { inline: oidc.jwks },
      selectors: { all: [{ claim: 'groups', equals: 'platform' }] },
      tenantClaim: 'tenants',
    };
    return {
      authenticate: createAdminAuthenticator({
        bootstrapToken: new Secret(TOKEN),
        oidc: team,
        jwks,
        clock,
      }),
      resources,
      revocations,
      sessions: new SessionRecords(sql),
      decisions: {
        query: (tenant, filter, page) => queryDecisions(sql, tenant, filter, page),
        follow: (tenant, filter, from, onEntries) =>
          followDecisions(sql, tenant, { filter, from, onEntries, onError: (error) => bugs.push(error) }),
        verify: (tenant, instance) => verifyChains(sql, tenant, instance),
        verifyCheckpoints: (tenant, kept) => verifyCheckpoints(sql, keys, tenant, kept),
      },
      explain: createExplainer({ resources, revocations, clock }),
      placeholders: createPlaceholderReader({ resources, placeholders: new PlaceholderKeys(sql, sealer) }),
      rotateKeys: () => Promise.resolve({ resealed: 0, rotated: ['issuer'] }),
      issuer: {
        discovery: (tenant) => ({
          issuer: `https://sidekey.example.com/tenants/${tenant}`,
          jwks_uri: 'https://sidekey.example.com/.well-known/jwks.json',
        }),
        jwks: () => ({ keys: [] }),
      },
      notReady: () => Promise.resolve(ready ? undefined : 'the store cannot be reached'),
      clock,
      onError: (error) => bugs.push(error),
    };
  }

  async function inject(request: InjectOptions & { readonly url: string }): Promise<RestAnswer> {
    const headers = { authorization: `Bearer ${TOKEN}`, ...request.headers };
    const given = Object.entries(headers).filter(([, value]) => value !== undefined);
    const answer = await app.inject({ ...request, headers: Object.fromEntries(given) });
    const body: Record<string, unknown> = answer.body === '' ? {} : answer.json();
    const contentType = answer.headers['content-type']?.toString();
    const { method = 'GET', url } = request;
    described.check({ method, url, status: answer.statusCode, contentType, body });
    return { status: answer.statusCode, body, headers: answer.headers };
  }

  function call(method: 'GET' | 'POST' | 'DELETE', url: string, options: RestCall = {}): Promise<RestAnswer> {
    return inject({
      method,
      url,
      headers: {
        authorization: `Bearer ${options.token ?? TOKEN}`,
        ...(options.tenant === undefined ? {} : { 'sidekey-tenant': options.tenant }),
      },
      ...(options.body === undefined ? {} : { payload: options.body }),
    });
  }

  async function freshTenant(): Promise<string> {
    const name = `t-${randomUUID().slice(0, 8)}`;
    const made = await call('POST', '/v1/apply', { body: { documents: `${head('Tenant', name)} {}` } });
    expect(made.status).toBe(200);
    return name;
  }

  return {
    get app() {
      return app;
    },
    oidc,
    bugs,
    setReady: (value) => {
      ready = value;
    },
    call,
    inject,
    freshTenant,
  };
}
