import { readJsonRpc } from '../../../common/inspection/json-rpc.ts';
import { memberOf, parseStrictJson } from '../../../common/inspection/strict-json.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { type ProblemInput, problemOf, type ProblemResponse, refusalWith } from './problem.ts';

/**
 * The answer to a refused request of MCP over streamable HTTP: an error that its client hands to whoever called. At an HTTP status
 * Python's SDK (before 2) ends the session. Undefined where no answer can be read: for notifications, and for HTTP+SSE, whose
 * clients take nothing from a POST but its status.
 *
 * @param message - The body, where policy reads MCP; undefined when there is none
 */
export function rpcRefusal(
  input: ProblemInput,
  headers: HeaderList,
  message: Buffer | undefined,
): ProblemResponse | undefined {
  if (message === undefined || !takesBoth(headers)) return undefined;
  const id = idOf(message);
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) return undefined;
  const { reason, decisionId } = input;
  const problem = problemOf(input);
  const error = {
    code: problem.status,
    message: `${reason}: ${problem.detail} (decision ${decisionId})`,
    data: problem,
  };
  return refusalWith(reason, 200, 'application/json', JSON.stringify({ jsonrpc: '2.0', id, error }));
}

/** Undefined for what cannot be read as one request. */
function idOf(message: Buffer): unknown {
  try {
    const request = parseStrictJson(message);
    return readJsonRpc(request).method === undefined ? undefined : memberOf(request, 'id');
  } catch {
    return undefined;
  }
}

/** What every POST of streamable HTTP has to say, and none of HTTP+SSE does. */
function takesBoth(headers: HeaderList): boolean {
  const accept = headers.getAll('accept').join(',').toLowerCase();
  return accept.includes('application/json') && accept.includes('text/event-stream');
}
