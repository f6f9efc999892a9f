import type { RequestFacts, SessionFacts } from '../../../control-plane/policy/facts.ts';
import { type Kind, type PolicySet, SPECS, type SpecByKind } from '../../../control-plane/resources/kinds.ts';

type Specs = { readonly [K in Kind]?: Readonly<Record<string, unknown>> };

/** A policy set from specs as a person writes them, defaults filled in by the resource definitions. */
export function policySet(specs: Specs): PolicySet {
  return {
    tenant: 'acme',
    version: 1,
    change: '1',
    trustProviders: parseAll('TrustProvider', specs),
    clientWorkloads: parseAll('ClientWorkload', specs),
    serverWorkloads: parseAll('ServerWorkload', specs),
    credentialProviders: parseAll('CredentialProvider', specs),
    accessConditions: parseAll('AccessCondition', specs),
    accessPolicies: parseAll('AccessPolicy', specs),
  };
}

function parseAll<K extends Kind>(kind: K, specs: Specs): Map<string, SpecByKind[K]> {
  const entries = Object.entries(specs[kind] ?? {});
  return new Map(entries.map(([name, spec]) => [name, SPECS[kind].parse(spec) as SpecByKind[K]]));
}

export const SESSION: SessionFacts = {
  tenant: 'acme',
  sessionId: 'session-1',
  workloads: ['billing-agent'],
  user: undefined,
  trust: ['cluster'],
  claims: { kubernetes: { namespace: 'prod', serviceAccount: 'billing' } },
  userClaims: {},
};

export const REQUEST: RequestFacts = {
  scheme: 'https',
  host: 'api.example.com',
  port: 443,
  method: 'GET',
  path: '/v1/invoices',
};
