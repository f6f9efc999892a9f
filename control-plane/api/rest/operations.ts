import type { FastifyInstance } from 'fastify';
import { JWKS_MAX_AGE_SECONDS } from '../../credentials/issuer.ts';
import { accessOf, requireAllTenants } from './access.ts';
import type { RestDependencies } from './dependencies.ts';
import type { ExplainQuestion } from './explain.ts';
import { RestError } from './problem.ts';
import { explainBody, listQuery, tenantParams } from './schemas.ts';

export function addOperationRoutes(
  app: FastifyInstance,
  dependencies: Pick<RestDependencies, 'explain' | 'rotateKeys' | 'sessions' | 'clock'>,
): void {
  app.post<{ Body: ExplainQuestion }>(
    '/v1/explain',
    { schema: { summary: 'Decide, and say why, without minting', body: explainBody } },
    async (request) => dependencies.explain(accessOf(request).tenant, request.body),
  );
  app.get<{ Querystring: { all: boolean } }>(
    '/v1/sessions',
    { schema: { summary: 'List live sessions', querystring: listQuery } },
    async (request) => {
      const now = new Date(dependencies.clock.now());
      return { sessions: await dependencies.sessions.list(accessOf(request).tenant, { all: request.query.all, now }) };
    },
  );
  app.post('/v1/keys/rotate', { schema: { summary: 'Reseal secrets and replace signing keys' } }, async (request) => {
    requireAllTenants(accessOf(request));
    return dependencies.rotateKeys();
  });
}

/** Routes that anybody may read: health, and what verifiers of Sidekey's own tokens need. */
export function addPublicRoutes(
  app: FastifyInstance,
  dependencies: Pick<RestDependencies, 'issuer' | 'notReady'>,
): void {
  app.get('/healthz', { schema: { summary: 'Whether the process lives' } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { schema: { summary: 'Whether the control plane can serve' } }, async () => {
    const why = await dependencies.notReady();
    if (why !== undefined) throw new RestError(503, 'not-ready', why);
    return { status: 'ready' };
  });
  const { issuer } = dependencies;
  const cache = `public, max-age=${JWKS_MAX_AGE_SECONDS}`;
  app.get<{ Params: { tenant: string } }>(
    '/tenants/:tenant/.well-known/openid-configuration',
    { schema: { summary: "The tenant's own OpenID issuer (OpenID Connect Discovery 1.0)", params: tenantParams } },
    async (request, reply) => reply.header('cache-control', cache).send(issuer.discovery(request.params.tenant)),
  );
  app.get(
    '/.well-known/jwks.json',
    { schema: { summary: 'Public keys of all those issuers (RFC 7517)' } },
    async (_request, reply) => reply.header('cache-control', cache).send(issuer.jwks()),
  );
}
