import type { FastifyInstance } from 'fastify';
import type { Kind, Resource } from '../../resources/kinds.ts';
import { formatPath, type LocatedResource, parseDocuments } from '../../resources/parse-documents.ts';
import { parseResource } from '../../resources/parse-resource.ts';
import { ResourceError } from '../../resources/resource-error.ts';
import { accessOf, APPLY_PATH, requireAllTenants } from './access.ts';
import type { RestDependencies } from './dependencies.ts';
import { placeOf, RestError } from './problem.ts';
import { applyBody, kindParams, resourceParams } from './schemas.ts';

interface ApplyBody {
  readonly documents?: string;
  readonly resources?: readonly unknown[];
  readonly dryRun: boolean;
  readonly prune: boolean;
}

export function addResourceRoutes(app: FastifyInstance, { resources }: Pick<RestDependencies, 'resources'>): void {
  app.post<{ Body: ApplyBody }>(
    APPLY_PATH,
    { schema: { summary: 'Apply resources, all or none', body: applyBody } },
    async (request) => {
      const access = accessOf(request);
      const { resources: wanted, located } = readResources(request.body);
      if (wanted.some((resource) => resource.kind === 'Tenant')) requireAllTenants(access);
      const { dryRun, prune } = request.body;
      try {
        const { warnings, ...result } = await resources.apply(access.tenant, wanted, { dryRun, prune });
        return { ...result, warnings: warnings.map(placeOf) };
      } catch (error) {
        if (error instanceof ResourceError) throw error.locatedIn(located);
        throw error;
      }
    },
  );

  const list = (tenant: string, all: boolean, kind?: Kind): Promise<Resource[]> =>
    kind === 'Tenant' && all ? resources.listTenants() : resources.list(tenant, kind);

  app.get('/v1/resources', { schema: { summary: 'List all resources' } }, async (request) => ({
    resources: await list(accessOf(request).tenant, false),
  }));
  app.get<{ Params: { kind: Kind } }>(
    '/v1/resources/:kind',
    { schema: { summary: 'List resources of a kind', params: kindParams } },
    async (request) => {
      const { tenant, admin } = accessOf(request);
      return { resources: await list(tenant, admin.tenants === '*', request.params.kind) };
    },
  );
  app.get<{ Params: { kind: Kind; name: string } }>(
    '/v1/resources/:kind/:name',
    { schema: { summary: 'Read a resource', params: resourceParams } },
    async (request) => {
      const { tenant, admin } = accessOf(request);
      const { kind, name } = request.params;
      const found = (await list(tenant, admin.tenants === '*', kind)).find((one) => one.metadata.name === name);
      if (found === undefined) throw new RestError(404, 'resource-unknown', `There is no ${kind} "${name}".`);
      return found;
    },
  );
  app.delete<{ Params: { kind: Kind; name: string } }>(
    '/v1/resources/:kind/:name',
    { schema: { summary: 'Delete a resource', params: resourceParams } },
    async (request, reply) => {
      const access = accessOf(request);
      const { kind, name } = request.params;
      if (kind === 'Tenant') requireAllTenants(access);
      await resources.delete(access.tenant, kind, name);
      return reply.status(204).send();
    },
  );
}

function readResources(body: ApplyBody): { resources: Resource[]; located: readonly LocatedResource[] } {
  const errors: object[] = [];
  const found: Resource[] = [];
  let located: readonly LocatedResource[] = [];
  if (body.documents !== undefined) {
    const parsed = parseDocuments(body.documents, 'documents');
    errors.push(...parsed.errors);
    located = parsed.resources;
    found.push(...located.map(({ resource }) => resource));
  }
  for (const [index, value] of (body.resources ?? []).entries()) {
    const parsed = parseResource(value);
    if (parsed.ok) found.push(parsed.resource);
    else {
      const resource = nameOf(value) ?? `resources[${index}]`;
      errors.push(...parsed.issues.map(({ path, message }) => ({ resource, field: formatPath(path), message })));
    }
  }
  if (errors.length > 0) throw new RestError(422, 'resources-invalid', 'nothing was applied', errors);
  return { resources: found, located };
}

/** What the resource calls itself, when it says so in the usual way. */
function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('metadata' in value)) return undefined;
  const { kind, metadata } = value;
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return undefined;
  const text = `${String(kind)}/${String(metadata.name)}`;
  return /^[\w/.-]{1,128}$/.test(text) ? text : undefined;
}
