import { UsageError } from '../../../common/errors.ts';
import { type InspectedFact, inspectRequest, makeWish } from '../../../common/inspection/inspect.ts';
import { methodFault } from '../../../common/match/method.ts';
import { canonicalPath, PathError, splitTarget } from '../../../common/match/path.ts';
import { findRoute } from '../../../common/match/route-match.ts';
import { HostError, parseAuthority } from '../../../common/net/host.ts';
import { oidcIssuer } from '../../attestation/oidc.ts';
import { type CompiledPolicySet, compilePolicySet } from '../../policy/compile.ts';
import { type Explanation, explain } from '../../policy/explain.ts';
import { INSPECTED, type RequestFacts, type SessionFacts } from '../../policy/facts.ts';
import { RevocationSet } from '../../policy/revocations.ts';
import { factsRead, pathFormsAt, selectorsRead } from '../../policy/routes.ts';
import { splitUserName, userName } from '../../policy/user-name.ts';
import type { PolicySet } from '../../resources/kinds.ts';
import type { ResourceStore } from '../../resources/resource-store.ts';
import type { Clock } from '../../../common/clock.ts';
import type { RevocationStore } from '../../policy/revocation-store.ts';

/** A call that an administrator supposes. */
export interface ExplainQuestion {
  /** Name of the client workload. */
  readonly workload: string;
  readonly url: string;
  readonly method: string;
  /** `name: value`, each. */
  readonly headers?: readonly string[] | undefined;
  readonly body?: string | undefined;
  /** Subject, or issuer and subject as records have them. */
  readonly user?: string | undefined;
  /** Claims that the session is supposed to have. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  /** Trust providers whose evidence it is supposed to have; absent: all. */
  readonly trust?: readonly string[] | undefined;
}

export interface ExplainSources {
  readonly resources: Pick<ResourceStore, 'loadPolicySet'>;
  readonly revocations: Pick<RevocationStore, 'list'>;
  readonly clock: Clock;
}

/** Explains from the store as it is now. */
export function createExplainer(
  sources: ExplainSources,
): (tenant: string, question: ExplainQuestion) => Promise<Explanation> {
  return async (tenant, question) => {
    const [policySet, revocations] = await Promise.all([
      sources.resources.loadPolicySet(tenant),
      sources.revocations.list(tenant),
    ]);
    const compiled = compilePolicySet(policySet);
    const request = readRequest(question, compiled);
    if (!policySet.clientWorkloads.has(question.workload)) {
      throw new UsageError('workload-unknown', `there is no ClientWorkload "${question.workload}"`);
    }
    const session = {
      tenant,
      sessionId: '',
      workloads: [question.workload],
      trust: question.trust ?? [...policySet.trustProviders.keys()],
      claims: question.claims ?? {},
      ...supposedUser(question.user, policySet),
    };
    const active = revocations.map(({ id, target, name, createdAt }) => ({
      id,
      target,
      name,
      atMs: createdAt.getTime(),
    }));
    const read = inspectFor(compiled, session, request, question.body ?? '');
    return explain(compiled, session, read, new RevocationSet(active), sources.clock.now());
  };
}

/** As attestation would name the user. A bare subject is of the tenant's issuer of users, where there is but one. */
function supposedUser(
  name: string | undefined,
  { trustProviders }: PolicySet,
): Pick<SessionFacts, 'user' | 'userClaims'> {
  if (name === undefined) return { user: undefined, userClaims: {} };
  const issuers = [...trustProviders.values()].flatMap((spec) =>
    spec.type === 'oidc' && spec.for === 'user' ? (oidcIssuer(spec) ?? []) : [],
  );
  const [only, second] = new Set(issuers);
  const { issuer = second === undefined ? only : undefined, subject } = splitUserName(name);
  if (issuer === undefined) return { user: subject, userClaims: { oidc: { sub: subject } } };
  return { user: userName(issuer, subject), userClaims: { oidc: { iss: issuer, sub: subject } } };
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Reads out of the request what the proxy would, with the same code. */
function inspectFor(set: CompiledPolicySet, session: SessionFacts, request: RequestFacts, text: string): RequestFacts {
  const server = findRoute(set.servers, request.host, request.port);
  if (server === undefined) return request;
  const facts = [...factsRead(server, session)].filter((fact): fact is InspectedFact => INSPECTED.has(fact));
  if (facts.length === 0) return request;
  const body = Buffer.from(text);
  const inspected = inspectRequest(makeWish(facts, selectorsRead(server, session)), {
    method: request.method,
    path: request.path,
    query: request.query,
    header: (name) =>
      (request.headers ?? []).filter((header) => header.name === name.toLowerCase()).map(({ value }) => value),
    headerNames: (request.headers ?? []).map(({ name }) => name),
    declaredBytes: body.length,
    body: body.length > server.spec.inspectBytes ? undefined : body,
  });
  return { ...request, inspected };
}

/** As header lines are written: `name: value`. */
function readHeaders(lines: readonly string[]): { name: string; value: string }[] {
  return lines.map((line) => {
    const at = line.indexOf(':');
    if (at < 1) throw new UsageError('header-invalid', 'write a header as "name: value"');
    return { name: line.slice(0, at).trim().toLowerCase(), value: line.slice(at + 1).trim() };
  });
}

/** Cut by hand, as the proxy cuts what agents send: `new URL()` would rewrite the path before it is looked at. */
function readRequest(question: ExplainQuestion, policy: CompiledPolicySet): RequestFacts {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(question.url);
  const scheme = parts?.[1]?.toLowerCase();
  if (parts === null || (scheme !== 'http' && scheme !== 'https')) {
    throw new UsageError('url-invalid', 'the URL must be http:// or https://, without fragment');
  }
  const [, , authority = '', rest = ''] = parts;
  if (authority.includes('@')) throw new UsageError('url-invalid', 'the URL must not hold a user or password');
  const fault = methodFault(question.method);
  if (fault !== undefined) throw new UsageError('method-refused', fault);
  try {
    const { host, port } = parseAuthority(authority, DEFAULT_PORTS[scheme]);
    const forms = pathFormsAt(policy, host, port);
    const { path, query } = splitTarget(rest.startsWith('/') ? rest : `/${rest}`);
    const headers = readHeaders(question.headers ?? []);
    return { scheme, host, port, method: question.method, path: canonicalPath(path, forms), query, headers };
  } catch (cause) {
    if (!(cause instanceof HostError || cause instanceof PathError)) throw cause;
    throw new UsageError('url-invalid', cause.message, { cause });
  }
}
