import { callbackify } from 'node:util';
import { Agent, fetch as undiciFetch, type RequestInit as UndiciInit } from 'undici';
import { authorize, type AuthorizeOptions } from '../../../control-plane/api/grpc/authorize.ts';
import { QuestionTurns } from '../../../control-plane/api/grpc/question-turns.ts';
import type { LiveSession } from '../../../control-plane/api/grpc/session-gate.ts';
import { compilePolicySet } from '../../../control-plane/policy/compile.ts';
import { RevocationSet } from '../../../control-plane/policy/revocations.ts';
import { routesOf } from '../../../control-plane/policy/routes.ts';
import type { PolicySet } from '../../../control-plane/resources/kinds.ts';
import type { Answer, Question } from '../../../policy-client/index.ts';
import { questionFacts } from '../../../policy-client/authorize/question-key.ts';
import { AuthorizeRequest } from '../../../proto/gen/sidekey/v1/proxy.ts';
import type { Route } from '../../../proto/gen/sidekey/v1/route.ts';
import { reasonFromNumber } from '../../../proto/reasons.ts';
import { SESSION } from '../control-plane/policy-set.ts';
import { tunnel } from '../agents/proxied-agent.ts';
import {
  bearer,
  denial,
  grant,
  type ProxyWorld,
  type ProxyWorldOptions,
  route,
  SECRET,
  startProxyWorld,
} from './proxy-world.ts';

/** A running proxy whose questions the control plane's own code decides; allowed calls carry SECRET as bearer. */
export interface InspectingWorld extends ProxyWorld {
  /** `https://api.test:<port>`, the world's upstream. */
  readonly url: string;
  /** What was asked and decided, in order, without the dry questions about listed things. */
  readonly decisions: () => string[];
  /** A `fetch` through the proxy that speaks this version of HTTP with it. */
  fetcher(alpn: 'h2' | 'http/1.1', port?: number): typeof fetch;
}

/** `policy` must have a server workload for `api.example.com`, as which `api.test` passes. */
export async function startInspectingWorld(
  policy: PolicySet,
  over: Partial<Route> = {},
  config: ProxyWorldOptions['config'] = {},
): Promise<InspectingWorld> {
  const [found] = routesOf(compilePolicySet(policy), SESSION, () => '');
  if (found === undefined) throw new Error('the policy has no route');
  const { decisionFacts, inspectLimitBytes, selectors, maskedAnswerFields } = found;
  const world = await startProxyWorld({
    config,
    routes: ({ httpPort, httpsPort }) => [
      route({
        ports: [httpPort, httpsPort],
        decisionFacts,
        inspectLimitBytes,
        selectors,
        maskedAnswerFields,
        ...over,
      }),
    ],
  });
  world.client.decide = deciderOf(policy);
  const dispatchers: Agent[] = [];
  return {
    ...world,
    url: `https://api.test:${world.upstream.httpsPort}`,
    decisions: () =>
      world.client.records.map(({ reason, action, method }) => `${reasonFromNumber(reason)} ${action || method}`),
    fetcher: (alpn, port = world.upstream.httpsPort) => {
      const dispatcher = dispatcherOf(world, alpn, port);
      dispatchers.push(dispatcher);
      const through = async (input: string | URL, init: UndiciInit = {}) => undiciFetch(input, { ...init, dispatcher });
      // undici's own types and those of Node differ by version only.
      return through as unknown as typeof fetch;
    },
    close: async () => {
      for (const dispatcher of dispatchers) await dispatcher.destroy();
      await world.close();
    },
  };
}

function dispatcherOf({ proxy }: ProxyWorld, alpn: 'h2' | 'http/1.1', port: number): Agent {
  const place = { port: proxy.address.port, caPem: proxy.caPem ?? '' };
  const connect = callbackify(() => tunnel(place, 'api.test', port, alpn));
  return new Agent({
    allowH2: alpn === 'h2',
    connect: (_options, done) => connect((error, socket) => (error ? done(error, null) : done(null, socket))),
  });
}

/** Answers questions by the control plane's code, without a session or a credential provider. */
function deciderOf(policy: PolicySet): (question: Question) => Promise<Answer> {
  const state = { policy: compilePolicySet(policy), revocations: new RevocationSet([]) };
  const options = {
    clock: { now: () => 0 },
    gate: { assertStanding: () => Promise.resolve(SESSION), turns: new QuestionTurns() },
    policies: { get: async () => state },
    onError: (error: unknown) => {
      throw error;
    },
  } as unknown as AuthorizeOptions;
  const session = { ticket: { tenant: 'acme' } } as unknown as LiveSession;
  const destination = { scheme: 'https', host: 'api.example.com', port: 443 };
  return async (question) => {
    const http = questionFacts(question);
    const wire = AuthorizeRequest.fromPartial({ id: 1, dryRun: question.dryRun === true, destination, http });
    const { outcome } = await authorize(options, session, wire);
    if (outcome?.$case === 'grant') return grant(question, bearer(SECRET));
    return denial(reasonFromNumber(outcome?.value.reason ?? 0), outcome?.value.message ?? '');
  };
}
