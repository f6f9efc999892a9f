import { ALL_PATHS, type PathForms } from '../../common/match/path.ts';
import { findRoute } from '../../common/match/route-match.ts';
import { type FailMode, type Placeholder, type Route, TlsMode } from '../../proto/gen/sidekey/v1/route.ts';
import type { CredentialInjection, FailModeSpec } from '../resources/kinds.ts';
import { pathFormsOf } from '../resources/server-workload.ts';
import type { CompiledPolicy, CompiledPolicySet, CompiledServerWorkload } from './compile.ts';
import { factNumber } from './fact-numbers.ts';
import { secretFieldsOf } from './rule-pack/match.ts';
import { appliesTo } from './decide.ts';
import { type FactName, INSPECTED, type SessionFacts } from './facts.ts';
import { holdersOf, PLACEHOLDER_LOCATIONS, type PlaceholderOf } from './placeholders.ts';

/** The routes of a session: every server workload that some policy connects with its workloads, and no other. */
export function routesOf(
  set: CompiledPolicySet,
  session: Pick<SessionFacts, 'workloads'>,
  placeholderOf: PlaceholderOf,
): Route[] {
  const routes: Route[] = [];
  for (const server of set.servers) {
    const policies = server.policies.filter((policy) => appliesTo(policy, session));
    if (policies.length === 0) continue;
    routes.push({
      ...routeOf(server, policies, replacedVariables(set, policies)),
      placeholders: placeholdersOf(policies, session, placeholderOf),
    });
  }
  return routes;
}

/** Facts that must be part of the question for this server workload: the union over the policies that apply. */
export function factsRead(server: CompiledServerWorkload, session: Pick<SessionFacts, 'workloads'>): Set<FactName> {
  const facts = new Set<FactName>();
  for (const policy of server.policies) {
    if (appliesTo(policy, session)) for (const fact of policy.reads) facts.add(fact);
  }
  return facts;
}

/** The forms of paths that the server workload at this host and port lets through; any where there is none, as the proxy has it. */
export function pathFormsAt({ servers }: CompiledPolicySet, host: string, port: number): PathForms {
  const server = findRoute(servers, host, port);
  return server === undefined ? ALL_PATHS : pathFormsOf(server.spec);
}

/** Of the large facts among these, the parts that policy reads, sorted; `header:*` stands alone. */
export function selectorsRead(server: CompiledServerWorkload, session: Pick<SessionFacts, 'workloads'>): string[] {
  return selectorsOf(server.policies.filter((policy) => appliesTo(policy, session)));
}

function selectorsOf(policies: readonly CompiledPolicy[]): string[] {
  const selectors = new Set(policies.flatMap((policy) => [...policy.selectors]));
  const all = selectors.has('header:*');
  return [...selectors].filter((selector) => !all || !/^header:(?!\*$)/.test(selector)).sort();
}

/** The wire form of a policy's fail mode. */
export function failModeOf(spec: FailModeSpec): FailMode {
  return { staleMaxAge: spec.type === 'stale' ? { seconds: spec.maxAgeSeconds, nanos: 0 } : undefined };
}

function placeholdersOf(
  policies: readonly CompiledPolicy[],
  session: Pick<SessionFacts, 'workloads'>,
  placeholderOf: PlaceholderOf,
): Placeholder[] {
  return policies.flatMap(({ spec: { clientWorkload, credentials } }) =>
    credentials.flatMap(({ provider, inject }) => {
      if (inject.type !== 'placeholder') return [];
      const place = { location: PLACEHOLDER_LOCATIONS[inject.in], name: inject.name ?? '' };
      return holdersOf(clientWorkload, session.workloads).map((workload) => ({
        placeholder: placeholderOf(workload, provider),
        place,
        environment: inject.environment ?? '',
      }));
    }),
  );
}

function routeOf(
  server: CompiledServerWorkload,
  policies: readonly CompiledPolicy[],
  replaced: readonly string[],
): Omit<Route, 'placeholders'> {
  const { spec } = server;
  const facts = new Set(policies.flatMap((policy) => [...policy.reads]));
  const injections = policies.flatMap(({ spec }) => spec.credentials.map(({ inject }) => inject));
  return {
    serverWorkload: server.name,
    hosts: [...spec.hosts],
    ports: [...spec.ports],
    protocol: spec.protocol,
    tls: {
      mode: spec.tls.mode === 'plaintext' ? TlsMode.TLS_MODE_PLAINTEXT : TlsMode.TLS_MODE_VERIFY,
      caPem: spec.tls.ca ?? '',
      serverName: spec.tls.serverName ?? '',
    },
    allowedAddresses: [...spec.allowedAddresses],
    injectsCredential: injections.length > 0,
    decisionFacts: [...facts].map((fact) => factNumber(fact)).sort((a, b) => a - b),
    failMode: strictestFailMode(policies),
    credentialHeaders: namesOf(injections, 'header'),
    credentialQueryParameters: namesOf(injections, 'query'),
    credentialCookies: namesOf(injections, 'cookie'),
    agent: { paths: pathFormsOf(spec), replacedVariables: [...replaced] },
    inspectLimitBytes: [...facts].some((fact) => INSPECTED.has(fact)) ? spec.inspectBytes : 0,
    selectors: selectorsOf(policies),
    maskedAnswerFields: maskedFields(policies),
  };
}

/** Variables of the agent's environment that the credentials of these policies take the place of. */
function replacedVariables({ source }: CompiledPolicySet, policies: readonly CompiledPolicy[]): string[] {
  const names = policies.flatMap(({ spec: { credentials } }) =>
    credentials.flatMap(({ provider }) => source.credentialProviders.get(provider)?.replaces ?? []),
  );
  return [...new Set(names)].sort();
}

/** What an opened endpoint answers is masked for all, unless each policy that opens one lets the agent see it. */
function maskedFields(policies: readonly CompiledPolicy[]): string[] {
  const opened = policies.flatMap(({ spec }) => (spec.revealsSecrets ? [] : spec.opens));
  return [...new Set(secretFieldsOf(opened))].sort();
}

/**
 * Names that injections fill in this part of the head, themselves or where the agent has a placeholder. Of servers that read query and
 * form as one, many take the query's, so that what goes into the form is named there as well.
 */
function namesOf(injections: readonly CredentialInjection[], part: 'header' | 'query' | 'cookie'): string[] {
  const names = injections.flatMap((inject) => {
    if (inject.type === part) return [inject.name];
    if (inject.type === 'hmac') return part === 'header' ? inject.headers.map(({ name }) => name) : [];
    if (inject.type === 'form-field') return part === 'query' ? [inject.name] : [];
    if (inject.type !== 'placeholder' || inject.name === undefined) return [];
    return inject.in === part || (inject.in === 'form' && part === 'query') ? [inject.name] : [];
  });
  return [...new Set(names)].sort();
}

/** A route fails closed unless every allowing policy says stale; then the shortest age counts. */
function strictestFailMode(policies: readonly CompiledPolicy[]): FailMode {
  let strictest: FailModeSpec | undefined;
  for (const { spec } of policies) {
    if (spec.effect !== 'allow') continue;
    if (spec.failMode.type === 'closed') return failModeOf(spec.failMode);
    if (strictest?.type !== 'stale' || spec.failMode.maxAgeSeconds < strictest.maxAgeSeconds) strictest = spec.failMode;
  }
  return failModeOf(strictest ?? { type: 'closed' });
}
