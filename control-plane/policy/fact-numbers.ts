import type { InspectedFact, Inspection } from '../../common/inspection/inspect.ts';
import { DecisionFact, type InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';
import { FACT_NAMES, type FactName, INSPECTED, type RequestFacts } from './facts.ts';

const NUMBERS = {
  path: DecisionFact.DECISION_FACT_PATH,
  query: DecisionFact.DECISION_FACT_QUERY,
  headers: DecisionFact.DECISION_FACT_HEADERS,
  bodyBytes: DecisionFact.DECISION_FACT_BODY_BYTES,
  contentType: DecisionFact.DECISION_FACT_CONTENT_TYPE,
  json: DecisionFact.DECISION_FACT_JSON,
  form: DecisionFact.DECISION_FACT_FORM,
  graphql: DecisionFact.DECISION_FACT_GRAPHQL,
  jsonRpc: DecisionFact.DECISION_FACT_JSON_RPC,
  mcp: DecisionFact.DECISION_FACT_MCP,
  mcpArguments: DecisionFact.DECISION_FACT_MCP_ARGUMENTS,
  a2a: DecisionFact.DECISION_FACT_A2A,
} as const satisfies Record<FactName, DecisionFact>;

export function factNumber(fact: FactName): DecisionFact {
  return NUMBERS[fact];
}

/** What the proxy read, without the fields that it did not set. */
export function readInspected(wire: InspectedFacts): Inspection {
  const { bodyBytes, contentType, json, form, graphql, jsonRpc, mcp, a2a } = wire;
  return {
    unreadable: wire.unreadable.flatMap(({ fact, why }) => {
      const name = FACT_NAMES.find((one): one is InspectedFact => NUMBERS[one] === fact && INSPECTED.has(one));
      return name === undefined ? [] : [{ fact: name, why }];
    }),
    ...(bodyBytes === undefined ? {} : { bodyBytes }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(json === undefined ? {} : { json }),
    ...(form === undefined ? {} : { form: form.fields }),
    ...(graphql === undefined ? {} : { graphql }),
    ...(jsonRpc === undefined ? {} : { jsonRpc }),
    ...(mcp === undefined ? {} : { mcp }),
    ...(a2a === undefined ? {} : { a2a }),
  };
}

/**
 * Whether the question lacks a fact that policy reads by now: the proxy's route is older. Then the proxy is told to wait, as
 * a fact that was never asked for must not look like one that is not there.
 */
export function lacksFacts(
  request: RequestFacts,
  reads: ReadonlySet<FactName>,
  selectors: readonly string[],
  sent: readonly string[],
): boolean {
  if (reads.has('path') && request.path === '') return true;
  // More than policy reads does no harm: the proxy's route may be that of a wider pattern, or of a workload that it lost.
  const isSent = (selector: string): boolean =>
    sent.includes(selector) || (selector.startsWith('header:') && sent.includes('header:*'));
  if (!selectors.every(isSent)) return true;
  return [...reads].some((fact) => INSPECTED.has(fact) && !isThere(fact, request.inspected));
}

function isThere(fact: FactName, inspected: Inspection | undefined): boolean {
  if (inspected === undefined) return false;
  if (inspected.unreadable.some((one) => one.fact === fact)) return true;
  if (fact === 'mcpArguments') return inspected.mcp?.arguments !== undefined && inspected.mcp.arguments !== '';
  return fact === 'path' || fact === 'query' || fact === 'headers' || inspected[fact] !== undefined;
}
