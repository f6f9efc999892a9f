import { UsageError } from '../../common/errors.ts';
import { canonicalPath, PathError, splitTarget } from '../../common/match/path.ts';
import { HostError, parseAuthority } from '../../common/net/host.ts';
import { type CompiledPolicySet, compilePolicySet } from '../policy/compile.ts';
import { pathFormsAt } from '../policy/routes.ts';
import { type Explanation, explain } from '../policy/explain.ts';
import type { RequestFacts } from '../policy/facts.ts';
import { RevocationSet } from '../policy/revocations.ts';
import type { ResourceStore } from '../resources/resource-store.ts';
import type { Clock } from '../../common/clock.ts';
import type { Revocations } from './revocations.ts';

/** A call that an administrator supposes. */
export interface ExplainQuestion {
  /** Name of the client workload. */
  readonly workload: string;
  readonly url: string;
  readonly method: string;
  readonly user?: string | undefined;
  /** Claims that the session is supposed to have. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  /** Trust providers whose evidence it is supposed to have; absent: all. */
  readonly trust?: readonly string[] | undefined;
}

export interface ExplainSources {
  readonly resources: Pick<ResourceStore, 'loadPolicySet'>;
  readonly revocations: Pick<Revocations, 'list'>;
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
      user: question.user,
      trust: question.trust ?? [...policySet.trustProviders.keys()],
      claims: question.claims ?? {},
      userClaims: question.user === undefined ? {} : { sub: question.user },
    };
    const active = revocations.map(({ id, target, name, createdAt }) => ({
      id,
      target,
      name,
      atMs: createdAt.getTime(),
    }));
    return explain(compiled, session, request, new RevocationSet(active), sources.clock.now());
  };
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Cut by hand, as the proxy cuts what agents send: `new URL()` would rewrite the path before it is looked at. */
function readRequest(question: ExplainQuestion, policy: CompiledPolicySet): RequestFacts {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(question.url);
  const scheme = parts?.[1]?.toLowerCase();
  if (parts === null || (scheme !== 'http' && scheme !== 'https')) {
    throw new UsageError('url-invalid', 'the URL must be http:// or https://, without fragment');
  }
  const rest = parts[3] ?? '';
  try {
    const { host, port } = parseAuthority(parts[2] ?? '', DEFAULT_PORTS[scheme]);
    const forms = pathFormsAt(policy, host, port);
    const { path, query } = splitTarget(rest.startsWith('/') ? rest : `/${rest}`);
    return { scheme, host, port, method: question.method, path: canonicalPath(path, forms), query };
  } catch (cause) {
    if (!(cause instanceof HostError || cause instanceof PathError)) throw cause;
    throw new UsageError('url-invalid', cause.message, { cause });
  }
}
