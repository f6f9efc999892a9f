import type { FastifyInstance } from 'fastify';
import { UsageError } from '../../../common/errors.ts';
import { compilePolicySet } from '../../policy/compile.ts';
import { type ListedPlaceholder, listPlaceholders } from '../../policy/placeholders.ts';
import type { ResourceStore } from '../../resources/resource-store.ts';
import type { PlaceholderKeys } from '../../credentials/placeholder-keys.ts';
import { accessOf } from './access.ts';
import type { RestDependencies } from './dependencies.ts';
import { workloadQuery } from './schemas.ts';

export interface PlaceholderSources {
  readonly resources: Pick<ResourceStore, 'loadPolicySet'>;
  readonly placeholders: Pick<PlaceholderKeys, 'for'>;
}

/** Lists a workload's placeholders, from the store as it is now. They are no secrets: they work for that workload alone. */
export function createPlaceholderReader(
  sources: PlaceholderSources,
): (tenant: string, workload: string) => Promise<ListedPlaceholder[]> {
  return async (tenant, workload) => {
    const [policySet, placeholderOf] = await Promise.all([
      sources.resources.loadPolicySet(tenant),
      sources.placeholders.for(tenant),
    ]);
    if (!policySet.clientWorkloads.has(workload)) {
      throw new UsageError('workload-unknown', `there is no ClientWorkload "${workload}"`);
    }
    return listPlaceholders(compilePolicySet(policySet), workload, placeholderOf);
  };
}

export function addPlaceholderRoutes(app: FastifyInstance, dependencies: Pick<RestDependencies, 'placeholders'>): void {
  const schema = { summary: "List a workload's placeholders", querystring: workloadQuery };
  app.get<{ Querystring: { workload: string } }>('/v1/placeholders', { schema }, async (request) => {
    const { tenant } = accessOf(request);
    return { placeholders: await dependencies.placeholders(tenant, request.query.workload) };
  });
}
