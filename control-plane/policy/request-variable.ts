import type { Inspection } from '../../common/inspection/inspect.ts';
import type { RequestFacts } from './facts.ts';

/** The CEL variable `request`. What was not asked for, or could not be read, is not there, so that reading it fails. */
export function requestVariable(request: RequestFacts): Record<string, unknown> {
  const { scheme, host, method, path, inspected } = request;
  const headers = new Map((request.headers ?? []).map(({ name, value }) => [name.toLowerCase(), value]));
  const vars = new Map(Object.entries(request.variables ?? {}));
  return {
    ...{ scheme, host, port: BigInt(request.port), method, path, query: request.query ?? '', headers, vars },
    ...(inspected === undefined ? {} : inspectedVariable(inspected)),
  };
}

/** A call is decided by many expressions; its JSON is parsed for the first that reads it. */
const variables = new WeakMap<Inspection, Record<string, unknown>>();

export function inspectedVariable(inspected: Inspection): Record<string, unknown> {
  const known = variables.get(inspected);
  if (known !== undefined) return known;
  const { bodyBytes, contentType, json, form, graphql, jsonRpc, mcp, a2a } = inspected;
  const variable: Record<string, unknown> = {};
  if (bodyBytes !== undefined) variable['bodyBytes'] = BigInt(bodyBytes);
  if (contentType !== undefined) variable['contentType'] = contentType;
  if (json !== undefined) variable['json'] = JSON.parse(json) as unknown;
  if (form !== undefined) variable['form'] = formVariable(form);
  if (jsonRpc !== undefined) variable['jsonRpc'] = jsonRpc;
  if (a2a !== undefined) variable['a2a'] = a2a;
  if (graphql !== undefined) {
    const { operationType, operationName, rootFields } = graphql;
    variable['graphql'] = { type: operationType, name: operationName, rootFields };
  }
  if (mcp !== undefined) variable['mcp'] = mcpVariable(mcp);
  variables.set(inspected, variable);
  return variable;
}

function mcpVariable(mcp: NonNullable<Inspection['mcp']>): Record<string, unknown> {
  const { method, tool, resource, prompt } = mcp;
  const found = { method, tool, resource, prompt };
  return mcp.arguments === '' ? found : { ...found, arguments: JSON.parse(mcp.arguments) as unknown };
}

/** A field that may stand more than once (its name ends with `[]`) is a list. */
function formVariable(fields: NonNullable<Inspection['form']>): Map<string, string | string[]> {
  const variable = new Map<string, string | string[]>();
  for (const { name, value } of fields) {
    const held = variable.get(name);
    if (!name.endsWith('[]')) variable.set(name, value);
    else variable.set(name, Array.isArray(held) ? [...held, value] : [value]);
  }
  return variable;
}
