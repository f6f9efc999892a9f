import type { InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';

const MAX_ACTION_CHARS = 512;

/** What a call is, within its protocol, for the decision record; empty when nothing of it was read. */
export function actionOf(path: string, contentType: string | undefined, facts: InspectedFacts | undefined): string {
  return describe(path, contentType, facts).slice(0, MAX_ACTION_CHARS);
}

function describe(path: string, contentType: string | undefined, facts: InspectedFacts | undefined): string {
  const { mcp, a2a, graphql, jsonRpc } = facts ?? {};
  if (mcp !== undefined) return named(`mcp:${mcp.method}`, mcp.tool || mcp.resource || mcp.prompt);
  if (a2a !== undefined) return named(`a2a:${a2a.method}`, a2a.skill);
  if (graphql !== undefined) return named(`graphql:${graphql.operationType}`, graphql.rootFields.join(','));
  if (jsonRpc !== undefined) return `json-rpc:${jsonRpc.method}`;
  return contentType?.startsWith('application/grpc') === true ? `grpc:${path.slice(1)}` : '';
}

function named(action: string, name: string): string {
  return name === '' ? action : `${action} ${name}`;
}
