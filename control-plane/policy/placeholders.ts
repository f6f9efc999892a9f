import { PlaceholderLocation } from '../../proto/gen/sidekey/v1/route.ts';
import type { CompiledPolicySet } from './compile.ts';

export const PLACEHOLDER_LOCATIONS = {
  header: PlaceholderLocation.PLACEHOLDER_LOCATION_HEADER,
  query: PlaceholderLocation.PLACEHOLDER_LOCATION_QUERY,
  cookie: PlaceholderLocation.PLACEHOLDER_LOCATION_COOKIE,
  path: PlaceholderLocation.PLACEHOLDER_LOCATION_PATH,
  json: PlaceholderLocation.PLACEHOLDER_LOCATION_JSON,
  form: PlaceholderLocation.PLACEHOLDER_LOCATION_FORM,
} as const;

/** The placeholder of a workload for a credential provider, within one tenant. */
export type PlaceholderOf = (workload: string, provider: string) => string;

/** What an agent of this workload may hold in place of a credential. */
export interface ListedPlaceholder {
  readonly placeholder: string;
  readonly credentialProvider: string;
  readonly accessPolicy: string;
  readonly serverWorkload: string;
  readonly in: string;
  readonly name: string;
  /** Variable of the agent's environment that should hold it; empty when policy names none. */
  readonly environment: string;
}

/** Whose placeholders a policy takes from this session: those of its own workload, or of any that the session has. */
export function holdersOf(clientWorkload: string, workloads: readonly string[]): readonly string[] {
  return clientWorkload === '*' ? workloads : [clientWorkload];
}

/** Every placeholder that policy gives to a workload, in the order of policies. */
export function listPlaceholders(
  set: CompiledPolicySet,
  workload: string,
  placeholderOf: PlaceholderOf,
): ListedPlaceholder[] {
  return set.servers.flatMap((server) =>
    server.policies
      .filter(({ spec }) => spec.clientWorkload === '*' || spec.clientWorkload === workload)
      .flatMap(({ name, spec }) =>
        spec.credentials.flatMap(({ provider, inject }) => {
          if (inject.type !== 'placeholder') return [];
          const { in: location, name: at = '', environment = '' } = inject;
          return [
            {
              placeholder: placeholderOf(workload, provider),
              credentialProvider: provider,
              accessPolicy: name,
              serverWorkload: server.name,
              in: location,
              name: at,
              environment,
            },
          ];
        }),
      ),
  );
}
