import type { CredentialProviderSpec, Kind, Resource, ServerWorkloadSpec } from './kinds.ts';
import { keyOf, type ResourceIssue } from './resource-error.ts';
import { beyondBinding, boundToOf } from './within-binding.ts';

/** Policies that would take a credential to where it is not bound to go. */
export function checkBindings(resources: readonly Resource[]): ResourceIssue[] {
  const servers = new Map<string, ServerWorkloadSpec>();
  const providers = new Map<string, CredentialProviderSpec>();
  for (const { kind, metadata, spec } of resources) {
    if (kind === 'ServerWorkload') servers.set(metadata.name, spec);
    if (kind === 'CredentialProvider') providers.set(metadata.name, spec);
  }
  return resources.flatMap((resource) => {
    if (resource.kind !== 'AccessPolicy') return [];
    const { clientWorkload, credentials, serverWorkload } = resource.spec;
    const server = servers.get(serverWorkload);
    if (server === undefined) return [];
    return credentials.flatMap(({ provider, inject }, index) => {
      const boundTo = boundToOf(providers.get(provider));
      const { hosts, ports, tls } = server;
      const beyond = boundTo && beyondBinding(boundTo, { hosts, ports, tls, inject, clientWorkload });
      if (beyond === undefined) return [];
      const field = `spec.credentials[${index}]`;
      const message = `with ServerWorkload "${serverWorkload}": the secret of CredentialProvider "${provider}" is not bound to ${beyond}`;
      return [{ kind: resource.kind, name: resource.metadata.name, field, message }];
    });
  });
}

/** A TrustProvider with this label and the value `never` changes by itself, such as that of `sidekey dev`. */
const BINDABLE_LABEL = 'sidekey.dev/bindable';

/** Those whom a secret is bound to exist, and stay as they are. */
export function checkBoundAgents(resources: readonly Resource[]): ResourceIssue[] {
  const found = new Map(resources.map((one) => [keyOf(one.kind, one.metadata.name), one]));
  return resources.flatMap(({ kind, metadata: { name }, spec }) => {
    const agents = kind === 'CredentialProvider' ? boundToOf(spec)?.agents : undefined;
    if (agents === undefined) return [];
    const check = (field: string, wanted: Kind, among: readonly string[]): ResourceIssue[] =>
      among.flatMap((one, index) => {
        const named = found.get(keyOf(wanted, one));
        const isFleeting = named?.metadata.labels?.[BINDABLE_LABEL] === 'never';
        if (named !== undefined && !isFleeting) return [];
        const message = isFleeting
          ? 'it changes by itself: no secret can be bound to it'
          : `there is no ${wanted} "${one}"`;
        return [{ kind, name, field: `spec.boundTo.agents.${field}[${index}]`, message }];
      });
    return [
      ...check('trust', 'TrustProvider', agents.trust),
      ...check('clientWorkloads', 'ClientWorkload', agents.clientWorkloads),
    ];
  });
}
