import { z } from 'zod';
import { accessConditionSpec, type AccessConditionSpec } from './access-condition.ts';
import { accessPolicySpec, type AccessPolicySpec } from './access-policy.ts';
import { clientWorkloadSpec, type ClientWorkloadSpec } from './client-workload.ts';
import { credentialProviderSpec, type CredentialProviderSpec } from './credential-provider.ts';
import { line, resourceName } from './fields.ts';
import { serverWorkloadSpec, type ServerWorkloadSpec } from './server-workload.ts';
import { tenantSpec, type TenantSpec } from './tenant.ts';
import { trustProviderSpec, type TrustProviderSpec } from './trust-provider.ts';

export type * from './access-condition.ts';
export type * from './access-policy.ts';
export type { BoundTo } from './bound-to.ts';
export type * from './client-workload.ts';
export type * from './credential-provider.ts';
export type { CredentialInjection } from './injection.ts';
export type * from './server-workload.ts';
export type * from './tenant.ts';
export type * from './trust-provider.ts';
export type { SecretSource } from './fields.ts';

export const API_VERSION = 'sidekey.dev/v1';

/** What each kind's `spec` holds once parsed: defaults filled in. */
export interface SpecByKind {
  Tenant: TenantSpec;
  TrustProvider: TrustProviderSpec;
  ClientWorkload: ClientWorkloadSpec;
  ServerWorkload: ServerWorkloadSpec;
  CredentialProvider: CredentialProviderSpec;
  AccessCondition: AccessConditionSpec;
  AccessPolicy: AccessPolicySpec;
}

export type Kind = keyof SpecByKind;

export const metadata = z.strictObject({
  name: resourceName,
  description: line(1000).optional().describe('For people.'),
  labels: z
    .record(line(63), z.string().max(63))
    .optional()
    .describe(
      'Names and values for finding resources. `sidekey.dev/prune: never` keeps a resource from `apply --prune`.',
    ),
});

export type Metadata = z.output<typeof metadata>;

/** The definition of every kind, in the order in which references point: later kinds refer to earlier ones. */
export const SPECS = {
  Tenant: tenantSpec,
  TrustProvider: trustProviderSpec,
  ClientWorkload: clientWorkloadSpec,
  ServerWorkload: serverWorkloadSpec,
  CredentialProvider: credentialProviderSpec,
  AccessCondition: accessConditionSpec,
  AccessPolicy: accessPolicySpec,
} as const satisfies { [K in Kind]: z.ZodType<SpecByKind[K]> };

export const KINDS = Object.keys(SPECS) as readonly Kind[];

/** One parsed document of kind K. */
export interface ResourceOf<K extends Kind> {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: SpecByKind[K];
}

/** One parsed document of any kind; `kind` tells which spec it holds. */
export type Resource = { [K in Kind]: ResourceOf<K> }[Kind];

/** Everything that decides, for one tenant, at one version. */
export interface PolicySet {
  readonly tenant: string;
  /** Rises with every change of the tenant's resources. */
  readonly version: number;
  /** Names the change that made it: the same version may come again with other resources (docs/storage.md). Empty for what is not stored. */
  readonly change: string;
  readonly trustProviders: ReadonlyMap<string, TrustProviderSpec>;
  readonly clientWorkloads: ReadonlyMap<string, ClientWorkloadSpec>;
  readonly serverWorkloads: ReadonlyMap<string, ServerWorkloadSpec>;
  readonly credentialProviders: ReadonlyMap<string, CredentialProviderSpec>;
  readonly accessConditions: ReadonlyMap<string, AccessConditionSpec>;
  readonly accessPolicies: ReadonlyMap<string, AccessPolicySpec>;
}
