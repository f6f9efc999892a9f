import {
  type InspectedFact,
  inspectRequest,
  type Inspection,
  type InspectionWish,
  makeWish,
} from '../../common/inspection/inspect.ts';
import { isJsonType, mediaTypeOf, problemOfHead } from '../../common/inspection/request-body.ts';
import { DecisionFact, InspectedFacts, type Route } from '../../proto/gen/sidekey/v1/route.ts';
import { fieldName, type HeaderList } from '../protocols/header-list.ts';

/** What has to be read out of the requests of a route. */
export interface InspectionPlan {
  /**
   * Bytes of the body that are to be collected before the question is asked: the whole body if it is no longer, else as soon
   * as it proves longer. Zero: the body need not be waited for.
   */
  readonly limitBytes: number;
  readonly wish: InspectionWish;
}

/** A request's head, as it will be forwarded. */
export interface InspectedHead {
  readonly method: string;
  /** Canonical. */
  readonly path: string;
  /** Without "?". */
  readonly query: string | undefined;
  readonly headers: HeaderList;
  /** As the framing says: 0 for no body; undefined when it does not say. */
  readonly declaredBytes: number | undefined;
  /** What is asked follows in messages, which are not read. */
  readonly opensWebSocket: boolean;
}

const UNREAD_MESSAGES = 'it opens a WebSocket, whose messages policy does not read';

const FACTS: readonly (readonly [DecisionFact, InspectedFact])[] = [
  [DecisionFact.DECISION_FACT_BODY_BYTES, 'bodyBytes'],
  [DecisionFact.DECISION_FACT_CONTENT_TYPE, 'contentType'],
  [DecisionFact.DECISION_FACT_JSON, 'json'],
  [DecisionFact.DECISION_FACT_FORM, 'form'],
  [DecisionFact.DECISION_FACT_GRAPHQL, 'graphql'],
  [DecisionFact.DECISION_FACT_JSON_RPC, 'jsonRpc'],
  [DecisionFact.DECISION_FACT_MCP, 'mcp'],
  [DecisionFact.DECISION_FACT_MCP_ARGUMENTS, 'mcpArguments'],
  [DecisionFact.DECISION_FACT_A2A, 'a2a'],
];

/** How to treat a request to this route; `none`: its policies read nothing of the body. */
export function planInspection(route: Route, head: InspectedHead): 'none' | InspectionPlan {
  const wish = wishOf(route);
  if (wish === 'none') return 'none';
  const { inspectLimitBytes } = route;
  // A body that says itself that it is longer than may be read is not waited for.
  const isTooLong = (head.declaredBytes ?? 0) > inspectLimitBytes;
  return { wish, limitBytes: !isTooLong && needsBody(wish, head) ? inspectLimitBytes : 0 };
}

/**
 * The facts that the route asks for. `body` is the whole body, empty if there is none; undefined if it is longer than the
 * plan's limit, or was not waited for. Never throws for what the agent sent: what cannot be read is named, and decided on.
 */
export function readFacts(plan: InspectionPlan, head: InspectedHead, body: Buffer | undefined): InspectedFacts {
  const { method, path, query, headers, declaredBytes } = head;
  if (head.opensWebSocket)
    return toWire({ unreadable: [...plan.wish.facts].map((fact) => ({ fact, why: UNREAD_MESSAGES })) });
  const header = (name: string): readonly string[] => headers.getAll(fieldName(name));
  const { names: headerNames } = headers;
  return toWire(inspectRequest(plan.wish, { method, path, query, header, headerNames, declaredBytes, body }));
}

const wishes = new WeakMap<Route, InspectionWish | 'none'>();

/** Read once for each route. */
function wishOf(route: Route): InspectionWish | 'none' {
  const known = wishes.get(route);
  if (known !== undefined) return known;
  const facts = FACTS.filter(([number]) => route.decisionFacts.includes(number)).map(([, fact]) => fact);
  const wish = facts.length === 0 ? 'none' : makeWish(facts, route.selectors);
  wishes.set(route, wish);
  return wish;
}

/** Whether anything in the body can matter: one whose head already says that it cannot be read is not waited for. */
function needsBody({ facts }: InspectionWish, { headers, declaredBytes, opensWebSocket }: InspectedHead): boolean {
  if (opensWebSocket) return false;
  if (declaredBytes === 0) return true;
  if (facts.has('bodyBytes') && declaredBytes === undefined) return true;
  const media = mediaTypeOf(headers.getAll('content-type'));
  if (problemOfHead((name) => headers.getAll(fieldName(name)), media) !== undefined) return false;
  if (facts.has('form') && media.name === 'application/x-www-form-urlencoded') return true;
  if (facts.has('graphql') && media.name === 'application/graphql') return true;
  return isJsonType(media.name) && READ_AS_JSON.some((fact) => facts.has(fact));
}

const READ_AS_JSON: readonly InspectedFact[] = ['json', 'graphql', 'jsonRpc', 'mcp', 'mcpArguments', 'a2a'];

function toWire({ unreadable, form, ...found }: Inspection): InspectedFacts {
  const { graphql, ...others } = found;
  return InspectedFacts.fromPartial({
    ...others,
    ...(graphql && { graphql: { ...graphql, rootFields: [...graphql.rootFields] } }),
    ...(form && { form: { fields: [...form] } }),
    unreadable: unreadable.map(({ fact, why }) => ({ fact: FACTS.find(([, name]) => name === fact)?.[0] ?? 0, why })),
  });
}
