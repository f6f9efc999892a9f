import { isJsonObject, memberOf } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** One message of JSON-RPC 2.0 as a client sends it. An answer to the server's own request has no method. */
export interface JsonRpcMessage {
  readonly method: string | undefined;
  readonly params: unknown;
}

const MAX_METHOD_CHARS = 256;
const REQUEST_MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params']);
const ANSWER_MEMBERS = new Set(['jsonrpc', 'id', 'result', 'error']);

/**
 * Reads a message (JSON-RPC 2.0 sections 4 and 5) out of strictly parsed JSON. Batches (section 6) and members that the
 * specification does not know are refused: servers differ in what they make of them.
 *
 * @throws Unreadable
 */
export function readJsonRpc(value: unknown): JsonRpcMessage {
  if (Array.isArray(value)) throw new Unreadable('it is a batch');
  if (!isJsonObject(value) || memberOf(value, 'jsonrpc') !== '2.0')
    throw new Unreadable('it is not a JSON-RPC 2.0 message');
  const method = memberOf(value, 'method');
  const known = method === undefined ? ANSWER_MEMBERS : REQUEST_MEMBERS;
  if (!Object.keys(value).every((name) => known.has(name)))
    throw new Unreadable('it has a member that JSON-RPC 2.0 does not know');
  if (method === undefined) return { method, params: undefined };
  if (typeof method !== 'string' || method === '' || method.length > MAX_METHOD_CHARS) {
    throw new Unreadable('its method is not a name');
  }
  return { method, params: memberOf(value, 'params') };
}
