import { foldHeaderName } from '../match/header-name.ts';
import { readJsonRpc } from './json-rpc.ts';
import type { InspectedRequest } from './request-body.ts';
import { isJsonObject, memberOf, soleMember } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** What one request to an MCP server asks; at most one of tool, resource and prompt is not empty. */
export interface McpCall {
  /** `http/stream` for GET, `http/end-session` for DELETE, `response` for an answer to the server. */
  readonly method: string;
  readonly tool: string;
  readonly resource: string;
  readonly prompt: string;
  readonly params: unknown;
}

/** Header values, in order; none: an empty list. */
export type ReadHeader = (name: string) => readonly string[];

const MAX_NAME_CHARS = 2_048;

/** Which parameter names the target of a method, and what kind of thing it is. */
const TARGETS: Readonly<Record<string, readonly [parameter: 'name' | 'uri', kind: 'tool' | 'resource' | 'prompt']>> = {
  'tools/call': ['name', 'tool'],
  'prompts/get': ['name', 'prompt'],
  'resources/read': ['uri', 'resource'],
  'resources/subscribe': ['uri', 'resource'],
  'resources/unsubscribe': ['uri', 'resource'],
  // Of the skills extension, whose files are resources.
  'resources/directory/read': ['uri', 'resource'],
  'skills/get': ['uri', 'resource'],
};

/**
 * Reads a request of the streamable HTTP transport (2025-03-26 and later) or of HTTP+SSE (2024-11-05). `body` is strictly
 * parsed JSON, of a POST. Batches, which 2025-03-26 allowed, are refused; the mirrored headers of 2026-07-28 must agree with
 * the body.
 *
 * @throws Unreadable
 */
export function readMcp(httpMethod: string, header: ReadHeader, body: () => unknown): McpCall {
  const none = { tool: '', resource: '', prompt: '', params: undefined };
  if (httpMethod === 'GET') {
    if (!header('accept').some((value) => value.toLowerCase().includes('text/event-stream'))) {
      throw new Unreadable('a GET without Accept: text/event-stream is not MCP');
    }
    return { method: 'http/stream', ...none };
  }
  if (httpMethod === 'DELETE') return { method: 'http/end-session', ...none };
  if (httpMethod !== 'POST') throw new Unreadable('MCP knows POST, GET and DELETE');
  const { method, params } = readJsonRpc(body());
  expectSame(header('mcp-method'), method);
  if (method === undefined) return { method: 'response', ...none };
  const target = readTarget(method, params);
  expectSame(header('mcp-name'), target.tool ?? target.resource ?? target.prompt ?? taskOf(method, params));
  return { method, ...none, ...target, params };
}

type Target = Partial<Record<'tool' | 'resource' | 'prompt', string>>;

function readTarget(method: string, params: unknown): Target {
  if (method === 'completion/complete') return readCompletion(memberOf(params, 'ref'));
  if (method === 'subscriptions/listen') return readListened(soleMember(params, 'notifications'));
  const target = Object.hasOwn(TARGETS, method) ? TARGETS[method] : undefined;
  if (target === undefined) return {};
  const [parameter, kind] = target;
  const value = memberOf(params, parameter);
  return { [kind]: parameter === 'uri' ? readUri(value) : readName(value) };
}

function readCompletion(ref: unknown): Target {
  switch (memberOf(ref, 'type')) {
    case 'ref/prompt':
      return { prompt: readName(memberOf(ref, 'name')) };
    case 'ref/resource':
      return { resource: readUri(memberOf(ref, 'uri')) };
    default:
      throw new Unreadable('it completes something unknown');
  }
}

/** Since 2026-07-28 one request in the place of the stream and of `resources/subscribe`. */
function readListened(filter: unknown): Target {
  const uris = soleMember(filter, 'resourceSubscriptions') ?? [];
  if (!Array.isArray(uris) || uris.length > 1) throw new Unreadable('it does not subscribe to one resource');
  return uris.length === 0 ? {} : { resource: readUri(uris[0]) };
}

function readName(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_CHARS)
    throw new Unreadable('it names nothing');
  return value;
}

/** Letters, digits and the like that are encoded for nothing (RFC 3986 section 2.3); dot segments; encoded separators in a path of files. */
const OTHER_PATH =
  /%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)|(?:^|[/\\:]|%2f|%5c)\.{1,2}(?:$|[/\\?#]|%2f|%5c)|^file:.*%(?:2f|5c)/i;

/**
 * Servers look up what their URL parser makes of a URI (WHATWG URL; the official SDKs), or open the path in it: both must be what
 * policy reads. How characters are encoded, case, and a slash at the end do not matter.
 */
function readUri(value: unknown): string {
  const uri = readName(value);
  const parsed = URL.canParse(uri) ? new URL(uri).href : uri;
  if (OTHER_PATH.test(uri) || plainUri(parsed).toLowerCase() !== plainUri(uri).toLowerCase())
    throw new Unreadable('servers may read its URI in more than one way');
  return uri;
}

/** Of all URIs that differ in nothing but how characters are encoded and in a slash at the end, the same. */
export function plainUri(uri: string): string {
  const decode = (run: string): string => Buffer.from(run.replaceAll('%', ''), 'hex').toString();
  return uri.replaceAll(/(?:%[\da-f]{2})+/gi, decode).replace(/\/$/, '');
}

/** Its id, which the header mirrors so that routers find who works on it. */
function taskOf(method: string, params: unknown): unknown {
  return method.startsWith('tasks/') ? memberOf(params, 'taskId') : undefined;
}

/** The arguments of a tool or a prompt; none read as an empty object. */
export function readArguments(params: unknown): unknown {
  const value = soleMember(params, 'arguments') ?? {};
  if (!isJsonObject(value)) throw new Unreadable('its arguments are not an object');
  return value;
}

/** Routers upstream may go by the mirrored header alone, so a call must not say one thing there and another in its body. */
function expectSame(mirrored: readonly string[], value: unknown): void {
  for (const text of mirrored) {
    const decoded = decodeMirrored(text);
    if (decoded === undefined || decoded !== value) throw disagree();
  }
}

const PARAMETER = 'mcp-param-';

/** Which argument such a header mirrors only the tool's schema tells, so its value must at least be that of one. */
export function expectMirrored(
  { header, headerNames }: Pick<InspectedRequest, 'header' | 'headerNames'>,
  args: unknown,
): void {
  const mirrored = headerNames.filter((name) => foldHeaderName(name).startsWith(PARAMETER)).flatMap(header);
  if (mirrored.length === 0) return;
  const texts = new Set<unknown>();
  const waiting = [args];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (isJsonObject(value)) waiting.push(...Object.values(value));
    else if (typeof value !== 'object') texts.add(String(value));
  }
  for (const text of mirrored) if (!texts.has(decodeMirrored(text))) throw disagree();
}

/** Values that a header cannot hold travel as `=?base64?...?=` (MCP 2026-07-28, streamable HTTP), of which there is one form. */
function decodeMirrored(text: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(text)?.[1];
  if (encoded === undefined) return text;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? bytes.toString('utf8') : undefined;
}

function disagree(): Unreadable {
  return new Unreadable('its head and its body disagree');
}
