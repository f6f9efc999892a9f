import type { FastifyInstance, FastifyRequest } from 'fastify';
import { resourceName } from '../../resources/fields.ts';
import { type AdminIdentity, NOT_SHOWN } from './admin.ts';
import type { RestDependencies } from './dependencies.ts';
import { RestError } from './problem.ts';
import { tenantHeader } from './schemas.ts';

/** Who calls, and about which tenant. */
export interface Access {
  readonly admin: AdminIdentity;
  readonly tenant: string;
}

/** Applies resources, tenants among them. */
export const APPLY_PATH = '/v1/apply';
/** Begins the paths that revoke, and that lift revocations. */
export const REVOCATIONS_PATH = '/v1/revocations';

const accesses = new WeakMap<FastifyRequest, Access>();

/** Lets administrators of the tenant through and nobody else, on every route that is added to this scope from now on. */
export function requireAdmin(
  app: FastifyInstance,
  dependencies: Pick<RestDependencies, 'authenticate' | 'resources'>,
): void {
  app.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, headers: tenantHeader, security: [{ admin: [] }] };
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    // RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1).
    const token = /^bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const admin = await (token === undefined ? NOT_SHOWN : dependencies.authenticate(token));
    if (admin.subject === undefined) {
      reply.header('www-authenticate', 'Bearer realm="sidekey"');
      throw new RestError(401, 'admin-required', admin.message);
    }
    accesses.set(request, { admin, tenant: readTenant(request, admin) });
  });
  // A misspelt tenant must not pass for an empty one, whose log is whole. What is applied may make its tenant first.
  app.addHook('preHandler', async (request) => {
    const { tenant } = accessOf(request);
    if (request.routeOptions.url === APPLY_PATH) return;
    if ((await dependencies.resources.list(tenant, 'Tenant')).length > 0) return;
    throw new RestError(404, 'tenant-unknown', `there is no tenant "${tenant}"`);
  });
}

/** What `requireAdmin` found out about this request. */
export function accessOf(request: FastifyRequest): Access {
  const access = accesses.get(request);
  if (access === undefined) throw new Error('the route is outside the guarded scope');
  return access;
}

/** Refuses administrators of some tenants what concerns all of them. */
export function requireAllTenants(access: Access): void {
  if (access.admin.tenants !== '*') {
    throw new RestError(403, 'tenant-forbidden', 'This takes an administrator of all tenants.');
  }
}

function readTenant(request: FastifyRequest, admin: AdminIdentity): string {
  const header = request.headers['sidekey-tenant'] ?? 'default';
  const name = resourceName.safeParse(header);
  if (!name.success)
    throw new RestError(400, 'tenant-invalid', 'The header sidekey-tenant is not the name of a tenant.');
  if (admin.tenants !== '*' && !admin.tenants.includes(name.data)) {
    throw new RestError(403, 'tenant-forbidden', `You do not administer the tenant "${name.data}".`);
  }
  return name.data;
}
