import { foldHeaderName } from '../../common/match/header-name.ts';
import { DecisionFact, type Header, type HttpRequestFacts, InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';
import { inspectedKey } from './inspected-key.ts';
import type { Question } from '../types.ts';

/**
 * The whole decision tuple as one string (attack A-22): the session stands for tenant, workloads and user; then server
 * workload, scheme, host, port, method and each fact that the route's policies read. Every part that others choose has
 * its length in front, so that no two tuples give the same string.
 */
export function questionKey(question: Question, sessionId: string): string {
  const { destination, method, route } = question;
  const { host } = destination;
  const name = route.serverWorkload;
  let key = `${sessionId} ${name.length}:${name}${destination.scheme} ${destination.port} ${method.length}:${method}${host.length}:${host}`;
  for (const fact of route.decisionFacts) key += factKey(fact, question);
  if (question.inspected !== undefined) key += inspectedKey(question.inspected);
  return question.dryRun === true ? `${key}?` : key;
}

/**
 * `questionKey` that gives the same string again while calls differ in nothing that counts. A string that was hashed
 * before is found in a map without being built and hashed anew.
 */
export class QuestionKeys {
  #question: Question | undefined;
  #sessionId = '';
  #key = '';

  of(question: Question, sessionId: string): string {
    if (!readsPathAlone(question.route.decisionFacts)) return questionKey(question, sessionId);
    if (this.#question === undefined || sessionId !== this.#sessionId || !areAlike(question, this.#question)) {
      this.#key = questionKey(question, sessionId);
      this.#question = question;
      this.#sessionId = sessionId;
    }
    return this.#key;
  }
}

/** The path, or nothing at all. */
function readsPathAlone(facts: readonly DecisionFact[]): boolean {
  return facts.length === 0 || (facts.length === 1 && facts[0] === DecisionFact.DECISION_FACT_PATH);
}

/** Whether two questions about routes that read no facts but the path are one. */
function areAlike(one: Question, other: Question): boolean {
  const a = one.destination;
  const b = other.destination;
  return (
    one.route === other.route &&
    one.method === other.method &&
    one.inspected === other.inspected &&
    one.dryRun === other.dryRun &&
    (one.path === other.path || one.route.decisionFacts.length === 0) &&
    a.host === b.host &&
    a.port === b.port &&
    a.scheme === b.scheme
  );
}

function factKey(fact: DecisionFact, question: Question): string {
  switch (fact) {
    case DecisionFact.DECISION_FACT_PATH:
      return `p${question.path.length}:${question.path}`;
    case DecisionFact.DECISION_FACT_QUERY: {
      const query = question.query;
      return query === undefined ? 'q' : `q${query.length}:${query}`;
    }
    case DecisionFact.DECISION_FACT_HEADERS: {
      let key = 'h';
      for (const { name, value } of headersAsked(question)) key += `${name.length}:${name}${value.length}:${value}`;
      return `${key};`;
    }
    default:
      return '';
  }
}

const LAST_KNOWN_FACT = DecisionFact.DECISION_FACT_A2A;

/** True when the route asks for a fact that this version does not know, so that it can neither send it nor cache by it. */
export function hasUnknownFact(question: Question): boolean {
  return question.route.decisionFacts.some((fact) => fact < 1 || fact > LAST_KNOWN_FACT);
}

/** The facts that are sent: exactly those that `questionKey` holds. */
export function questionFacts(question: Question): HttpRequestFacts {
  const { decisionFacts: facts, selectors } = question.route;
  return {
    method: question.method,
    path: facts.includes(DecisionFact.DECISION_FACT_PATH) ? question.path : '',
    query: facts.includes(DecisionFact.DECISION_FACT_QUERY) ? (question.query ?? '') : '',
    headers: facts.includes(DecisionFact.DECISION_FACT_HEADERS) ? [...headersAsked(question)] : [],
    inspected: inspectedOf(question, selectors),
  };
}

function inspectedOf({ inspected }: Question, selectors: readonly string[]): InspectedFacts | undefined {
  if (inspected === undefined && selectors.length === 0) return undefined;
  return InspectedFacts.fromPartial({ ...inspected, selectors: [...selectors] });
}

const HEADER = 'header:';

/** Of all headers those that the route's selectors name; it names none, or `*`: all. */
function headersAsked({ headers = [], route }: Question): readonly Header[] {
  const names = route.selectors.filter((selector) => selector.startsWith(HEADER));
  if (names.length === 0 || names.includes('header:*')) return headers;
  // Those that some servers take for them too: the rule has to see that they are there.
  const folded = new Set(names.map((name) => foldHeaderName(name.slice(HEADER.length))));
  return headers.filter(({ name }) => folded.has(foldHeaderName(name)));
}
