import { createHash } from 'node:crypto';
import type { InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';

/** Parts longer than this stand in the key by their SHA-256, so that bodies do not fill the cache with their text. */
const MAX_PLAIN_CHARS = 128;

/** What was read out of a request, as a part of the decision tuple. */
export function inspectedKey(facts: InspectedFacts): string {
  let key = `i${facts.bodyBytes ?? ''},${part(facts.contentType)}${part(facts.json)}`;
  for (const { fact, why } of facts.unreadable) key += `!${fact}${part(why)}`;
  for (const { name, value } of facts.form?.fields ?? []) key += `f${part(name)}${part(value)}`;
  const { graphql, jsonRpc, mcp, a2a } = facts;
  if (graphql) {
    key += `g${part(graphql.operationType)}${part(graphql.operationName)}${part(graphql.rootFields.join(' '))}`;
  }
  if (jsonRpc) key += `j${part(jsonRpc.method)}`;
  if (mcp) key += `m${part(mcp.method)}${part(mcp.tool)}${part(mcp.resource)}${part(mcp.prompt)}${part(mcp.arguments)}`;
  if (a2a) key += `a${part(a2a.method)}${part(a2a.skill)}${a2a.setsCallback ? 1 : 0}`;
  return key;
}

function part(text: string | undefined): string {
  if (text === undefined) return '-';
  if (text.length <= MAX_PLAIN_CHARS) return `${text.length}:${text}`;
  return `#${createHash('sha256').update(text).digest('base64url')}`;
}
