import { MAX_CANDIDATES } from '../attestation/evidence-verifier.ts';
import { oidcIssuer } from '../attestation/oidc.ts';
import { ALL_PATHS, canonicalPath, type PathForms } from '../../common/match/path.ts';
import type { AccessConditionSpec, Kind, Resource, ResourceOf } from './kinds.ts';
import { checkBindings, checkBoundAgents } from './check-bindings.ts';
import { keyOf, type ResourceIssue } from './resource-error.ts';
import { pathFormsOf } from './server-workload.ts';

/** A check of one resource beyond its shape, such as that its CEL compiles. `field` starts with `spec`. */
export type ResourceCheck = (
  resource: Resource,
  conditions: ReadonlyMap<string, AccessConditionSpec>,
) => readonly { readonly field: string; readonly message: string }[];

/** Checks a tenant's whole set: references lead somewhere, and no two server workloads claim the same host and port. */
export function checkSet(resources: readonly Resource[], check?: ResourceCheck): ResourceIssue[] {
  const names = new Set(resources.map((resource) => keyOf(resource.kind, resource.metadata.name)));
  const conditions = new Map(
    resources.flatMap((one) => (one.kind === 'AccessCondition' ? [[one.metadata.name, one.spec] as const] : [])),
  );
  return [
    ...resources.flatMap((resource) => (resource.kind === 'AccessPolicy' ? checkReferences(resource, names) : [])),
    ...checkBoundAgents(resources),
    ...checkBindings(resources),
    ...checkOverlaps(resources),
    ...checkCandidates(resources),
    ...checkPathForms(resources),
    ...resources.flatMap((resource) =>
      (check?.(resource, conditions) ?? []).map((issue) => ({
        kind: resource.kind,
        name: resource.metadata.name,
        ...issue,
      })),
    ),
  ];
}

function checkReferences(policy: ResourceOf<'AccessPolicy'>, names: ReadonlySet<string>): ResourceIssue[] {
  const { spec } = policy;
  const references: [field: string, kind: Kind, name: string][] = [
    ['spec.serverWorkload', 'ServerWorkload', spec.serverWorkload],
    ...spec.trust.map((name, index): [string, Kind, string] => [`spec.trust[${index}]`, 'TrustProvider', name]),
    ...spec.conditions.map((name, index): [string, Kind, string] => [
      `spec.conditions[${index}]`,
      'AccessCondition',
      name,
    ]),
  ];
  if (spec.clientWorkload !== '*') references.push(['spec.clientWorkload', 'ClientWorkload', spec.clientWorkload]);
  for (const [index, { provider }] of spec.credentials.entries()) {
    references.push([`spec.credentials[${index}].provider`, 'CredentialProvider', provider]);
  }
  return references
    .filter(([, kind, name]) => !names.has(keyOf(kind, name)))
    .map(([field, kind, name]) => ({
      kind: policy.kind,
      name: policy.metadata.name,
      field,
      message: `there is no ${kind} "${name}"`,
    }));
}

/** A pattern in a form that its server workload refuses could never match; the check of its own compiles it. */
function checkPathForms(resources: readonly Resource[]): ResourceIssue[] {
  const forms = new Map<string, PathForms>();
  for (const { kind, metadata, spec } of resources) {
    if (kind === 'ServerWorkload') forms.set(metadata.name, pathFormsOf(spec));
  }
  return resources.flatMap((resource) => {
    if (resource.kind !== 'AccessPolicy') return [];
    const kept = forms.get(resource.spec.serverWorkload);
    if (kept === undefined) return [];
    return (resource.spec.rules ?? []).flatMap((rule, at) =>
      (rule.paths ?? []).flatMap((path, index) => {
        if (!isPath(path, ALL_PATHS) || isPath(path, kept)) return [];
        const message = `the paths of ServerWorkload "${resource.spec.serverWorkload}" do not keep this form`;
        const field = `spec.rules[${at}].paths[${index}]`;
        return [{ kind: resource.kind, name: resource.metadata.name, field, message }];
      }),
    );
  });
}

function isPath(path: string, forms: PathForms): boolean {
  try {
    canonicalPath(path, forms);
    return true;
  } catch {
    return false;
  }
}

/** Trust providers that the same evidence could be meant for: those beyond the limit would never be asked. */
function checkCandidates(resources: readonly Resource[]): ResourceIssue[] {
  const counts = new Map<string, number>();
  return resources.flatMap((resource) => {
    if (resource.kind !== 'TrustProvider') return [];
    const { spec, metadata } = resource;
    const issuer = spec.type === 'oidc' ? `${spec.for} ${oidcIssuer(spec)}` : spec.type === 'local' ? '' : spec.issuer;
    const key = `${spec.type} ${issuer}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count <= MAX_CANDIDATES) return [];
    const message = `more than ${MAX_CANDIDATES} trust providers share this issuer; evidence is tried at no more`;
    return [{ kind: resource.kind, name: metadata.name, field: 'spec.issuer', message }];
  });
}

function checkOverlaps(resources: readonly Resource[]): ResourceIssue[] {
  const owners = new Map<string, string>();
  const issues: ResourceIssue[] = [];
  for (const resource of resources) {
    if (resource.kind !== 'ServerWorkload') continue;
    const { name } = resource.metadata;
    for (const [index, host] of resource.spec.hosts.entries()) {
      for (const port of resource.spec.ports) {
        const owner = owners.get(`${host}:${port}`);
        if (owner === undefined) owners.set(`${host}:${port}`, name);
        else if (owner !== name) {
          const message = `ServerWorkload "${owner}" claims ${host} port ${port} too`;
          issues.push({ kind: resource.kind, name, field: `spec.hosts[${index}]`, message });
        }
      }
    }
  }
  return issues;
}
