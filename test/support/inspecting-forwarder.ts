import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { authorize, type AuthorizeOptions } from '../../control-plane/api/authorize.ts';
import type { LiveSession } from '../../control-plane/api/session-gate.ts';
import { compilePolicySet } from '../../control-plane/policy/compile.ts';
import { RevocationSet } from '../../control-plane/policy/revocations.ts';
import { routesOf } from '../../control-plane/policy/routes.ts';
import type { PolicySet } from '../../control-plane/resources/kinds.ts';
import { questionFacts } from '../../policy-client/question-key.ts';
import type { Answer, Question } from '../../policy-client/index.ts';
import { reasonFromNumber } from '../../proto/reasons.ts';
import { actionOf } from '../../proxy/inspection/action.ts';
import type { AnswerFilter } from '../../proxy/inspection/answer-filter.ts';
import { answerFilterFor } from '../../proxy/inspection/answer-filters.ts';
import { askListed } from '../../proxy/inspection/ask-listed.ts';
import { planInspection, readFacts } from '../../proxy/inspection/plan.ts';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { SESSION } from '../unit/control-plane/policy/policy-set.ts';

/** A forwarder of `node:http` that inspects, decides and filters with the real modules: what was decided, in order. */
export interface InspectingForwarder {
  readonly url: string;
  readonly decisions: readonly string[];
  close(): Promise<void>;
}

/** `policy` must have a server workload for `api.example.com`, as which the upstream passes. */
export async function startInspectingForwarder(policy: PolicySet, upstreamPort: number): Promise<InspectingForwarder> {
  const decisions: string[] = [];
  const ask = askerOf(policy);
  const server = createServer((incoming, outgoing) => {
    forward({ policy, upstreamPort, ask, decisions }, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    decisions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Forwarding {
  readonly policy: PolicySet;
  readonly upstreamPort: number;
  readonly ask: (question: Question) => Promise<Answer>;
  readonly decisions: string[];
}

function askerOf(policy: PolicySet): (question: Question) => Promise<Answer> {
  const state = { policy: compilePolicySet(policy), revocations: new RevocationSet([]) };
  const options = {
    clock: { now: () => 0 },
    gate: { assertLive: () => undefined, facts: () => SESSION },
    policies: { get: async () => state },
    onError: (error: unknown) => {
      throw error;
    },
  } as unknown as AuthorizeOptions;
  const session = { ticket: { tenant: 'acme' } } as unknown as LiveSession;
  return async (question) => {
    const http = questionFacts(question);
    const wire = { id: 1, deadlineMs: 0, dryRun: question.dryRun === true, destination: question.destination, http };
    const { outcome } = await authorize(options, session, wire as Parameters<typeof authorize>[2]);
    if (outcome?.$case === 'grant') return { kind: 'grant', grant: outcome.value, fromCache: false, stale: false };
    const reason = reasonFromNumber(outcome?.value.reason ?? 0);
    return { kind: 'denial', reason, message: outcome?.value.message ?? '', accessPolicy: undefined, fromCache: false };
  };
}

async function forward(forwarding: Forwarding, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { policy, ask, decisions } = forwarding;
  const [path = '', query] = (incoming.url ?? '').split('?', 2);
  const pairs = incoming.rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [[name, incoming.rawHeaders[at + 1] ?? ''] as const] : [],
  );
  const head = {
    method: incoming.method ?? '',
    path,
    query,
    headers: HeaderList.from(pairs),
    declaredBytes: undefined,
  };
  const [route] = routesOf(compilePolicySet(policy), SESSION, () => '');
  if (route === undefined) throw new Error('the policy has no route');
  const body = await buffer(incoming);
  const plan = planInspection(route, head);
  const inspected = plan === 'none' ? undefined : readFacts(plan, head, body);
  const destination = { scheme: 'https', host: 'api.example.com', port: 443 };
  const question: Question = { destination, method: head.method, path, query, headers: [], inspected, route };
  const answer = await ask(question);
  const action = actionOf(path, head.headers.get('content-type'), inspected);
  decisions.push(`${answer.kind === 'grant' ? 'ok' : answer.reason} ${action || `${head.method} ${path}`}`);
  if (answer.kind === 'denial') {
    outgoing.writeHead(403, { 'content-type': 'application/problem+json' });
    outgoing.end(JSON.stringify({ code: answer.reason, detail: answer.message }));
    return;
  }
  const upstream = await send(forwarding.upstreamPort, incoming, body);
  const headers = HeaderList.from(
    Object.entries(upstream.headers).map(([name, value]) => [name, String(value)] as const),
  );
  const filter = answerFilterFor(route, inspected, { headers });
  if (filter !== undefined && !filter.keepsLength) headers.delete('content-length');
  headers.delete('transfer-encoding');
  outgoing.writeHead(upstream.statusCode ?? 502, Object.fromEntries(headers.entries()));
  outgoing.flushHeaders();
  outgoing.on('close', () => upstream.destroy());
  await relay(upstream, outgoing, filter, async (asked) => askListed({ authorize: ask }, question, asked));
}

type AskThings = (asked: NonNullable<AnswerFilter['asks']>) => Promise<boolean[]>;

async function relay(
  upstream: IncomingMessage,
  outgoing: ServerResponse,
  filter: AnswerFilter | undefined,
  ask: AskThings,
): Promise<void> {
  const settle = async (): Promise<void> => {
    for (let asked = filter?.asks; filter && asked; asked = filter.asks) {
      for (const bytes of filter.answer(await ask(asked))) outgoing.write(bytes);
    }
  };
  for await (const chunk of upstream) {
    for (const bytes of filter?.push(chunk as Buffer) ?? [chunk as Buffer]) outgoing.write(bytes);
    await settle();
  }
  for (const bytes of filter?.end() ?? []) outgoing.write(bytes);
  await settle();
  outgoing.end();
}

function send(port: number, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  const { 'transfer-encoding': _chunked, ...kept } = incoming.headers;
  const headers = { ...kept, 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
