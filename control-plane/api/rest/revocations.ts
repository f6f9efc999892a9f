import type { FastifyInstance } from 'fastify';
import type { RevocationTargetName } from '../../policy/facts.ts';
import type { RevocationRecord, RevocationReference } from '../../policy/revocation-store.ts';
import { type Access, accessOf, REVOCATIONS_PATH } from './access.ts';
import type { RestDependencies } from './dependencies.ts';
import { RestError } from './problem.ts';
import { idParams, liftBody, listQuery, revokeBody } from './schemas.ts';

interface Target {
  readonly target: RevocationTargetName;
  readonly name: string;
}

/** They wait for no turn (see `takeTurns`). A name and a reason are much shorter. */
const MAX_BODY_BYTES = 16_384;

export function addRevocationRoutes(
  app: FastifyInstance,
  { clock, revocations }: Pick<RestDependencies, 'clock' | 'revocations'>,
): void {
  const lift = async (access: Access, which: RevocationReference): Promise<RevocationRecord> => {
    const lifted = await revocations.lift(access.tenant, which, access.admin.subject);
    if (lifted === undefined) throw new RestError(404, 'revocation-unknown', 'No such revocation is in force.');
    return lifted;
  };

  app.post<{ Body: Target & { readonly reason?: string } }>(
    REVOCATIONS_PATH,
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: { summary: 'Revoke; connected proxies act within a second', body: revokeBody },
    },
    async (request, reply) => {
      const { tenant, admin } = accessOf(request);
      const { target, name } = request.body;
      if (target === 'tenant' && name !== tenant) {
        throw new RestError(400, 'tenant-mismatch', 'Name the tenant in the header sidekey-tenant too.');
      }
      const asked = { ...request.body, by: admin.subject, atMs: clock.now() };
      return reply.status(201).send(await revocations.revoke(tenant, asked));
    },
  );
  app.get<{ Querystring: { all: boolean } }>(
    REVOCATIONS_PATH,
    { schema: { summary: 'List revocations in force', querystring: listQuery } },
    async (request) => ({
      revocations: await revocations.list(accessOf(request).tenant, { lifted: request.query.all }),
    }),
  );
  app.delete<{ Body: Target }>(
    REVOCATIONS_PATH,
    { bodyLimit: MAX_BODY_BYTES, schema: { summary: 'Lift the revocation of a target', body: liftBody } },
    async (request) => lift(accessOf(request), request.body),
  );
  app.delete<{ Params: { id: string } }>(
    `${REVOCATIONS_PATH}/:id`,
    { bodyLimit: MAX_BODY_BYTES, schema: { summary: 'Lift a revocation', params: idParams } },
    async (request) => lift(accessOf(request), { id: request.params.id }),
  );
}
