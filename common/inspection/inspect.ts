import { readA2a, type A2aCall } from './a2a.ts';
import { type FormField, isOtherSpelling, parseForm } from './form.ts';
import { readGraphql } from './graphql.ts';
import type { GraphqlOperation } from './graphql-document.ts';
import { type JsonPointer, readPointer, selectMembers } from './json-pointer.ts';
import { readJsonRpc } from './json-rpc.ts';
import { expectMirrored, type McpCall, readArguments, readMcp } from './mcp.ts';
import { type InspectedRequest, type MediaType, mediaTypeOf, RequestBody } from './request-body.ts';
import { isJsonObject } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** Parts of a request that have to be read out of it. `mcpArguments` comes with `mcp`. */
export const INSPECTED_FACTS = [
  'bodyBytes',
  'contentType',
  'json',
  'form',
  'graphql',
  'jsonRpc',
  'mcp',
  'mcpArguments',
  'a2a',
] as const;
export type InspectedFact = (typeof INSPECTED_FACTS)[number];

/** What is to be read: facts, and of the large ones only the parts that policy reads. */
export interface InspectionWish {
  readonly facts: ReadonlySet<InspectedFact>;
  readonly json: readonly JsonPointer[];
  readonly form: ReadonlySet<string>;
  readonly mcpArguments: readonly JsonPointer[];
}

/** What is to be read, from facts and selectors as routes carry them (sidekey/v1/route.proto). */
export function makeWish(facts: Iterable<InspectedFact>, selectors: readonly string[]): InspectionWish {
  const pointers = (prefix: string): JsonPointer[] =>
    selectors.filter((one) => one.startsWith(prefix)).map((one) => readPointer(one.slice(prefix.length)));
  return {
    facts: new Set(facts),
    json: pointers('json:'),
    form: new Set(pointers('form:').flatMap((pointer) => pointer.slice(0, 1))),
    mcpArguments: pointers('mcp:'),
  };
}

/** Each fact that was asked for is there, or `unreadable` says why it is not. */
export interface Inspection {
  readonly unreadable: readonly { readonly fact: InspectedFact; readonly why: string }[];
  readonly bodyBytes?: number;
  readonly contentType?: string;
  /** JSON of the members asked for. */
  readonly json?: string;
  readonly form?: readonly FormField[];
  readonly graphql?: GraphqlOperation;
  readonly jsonRpc?: { readonly method: string };
  readonly mcp?: Omit<McpCall, 'params'> & { readonly arguments: string };
  readonly a2a?: A2aCall;
}

/** All facts together may take this much; more would fill the question and the cache with what the agent chooses. */
const MAX_FACT_CHARS = 32_768;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the facts asked for. What cannot be read in one way only is named as unreadable; never throws for what the agent sent. */
export function inspectRequest(wish: InspectionWish, request: InspectedRequest): Inspection {
  const unreadable: { fact: InspectedFact; why: string }[] = [];
  const found: Mutable<Inspection> = { unreadable };
  const media = mediaTypeOf(request.header('content-type'));
  const body = new RequestBody(request, media);
  for (const fact of wish.facts) {
    try {
      readFact(fact, { wish, request, media, body, found });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      unreadable.push({ fact, why: error.message });
    }
  }
  return found;
}

interface Reading {
  readonly wish: InspectionWish;
  readonly request: InspectedRequest;
  readonly media: MediaType;
  readonly body: RequestBody;
  readonly found: Mutable<Inspection>;
}

function readFact(fact: InspectedFact, { wish, request, media, body, found }: Reading): void {
  const { method } = request;
  switch (fact) {
    case 'bodyBytes':
      found.bodyBytes = body.length();
      return;
    case 'contentType':
      if (request.header('content-type').length > 1) throw new Unreadable('there is more than one');
      found.contentType = media.name;
      return;
    case 'json':
      found.json = selectJson(body.jsonOrNothing(), wish.json);
      return;
    case 'form':
      found.form = selectFields(parseForm(body.formText()), wish.form);
      return;
    case 'graphql':
      if (method === 'GET' && !body.isEmpty) throw new Unreadable('its URL and its body may disagree');
      found.graphql = bounded(readGraphql(method, parseForm(request.query ?? ''), () => body.graphqlRequest()));
      return;
    case 'jsonRpc':
      found.jsonRpc = { method: readJsonRpc(body.json()).method ?? 'response' };
      return;
    case 'mcp': {
      const { params: _params, ...call } = readMcp(method, request.header, () => body.json());
      found.mcp = { ...call, arguments: found.mcp?.arguments ?? '' };
      return;
    }
    case 'mcpArguments': {
      const { params, ...call } = readMcp(method, request.header, () => body.json());
      const args = readArguments(params);
      expectMirrored(request, args);
      found.mcp = { ...call, arguments: selectJson(args, wish.mcpArguments) };
      return;
    }
    case 'a2a':
      found.a2a = bounded(readA2a(method, request.path, () => body.json()));
      return;
  }
}

function selectJson(value: unknown, pointers: readonly JsonPointer[]): string {
  const whole = pointers.some((pointer) => pointer.length === 0);
  if (!whole && !isJsonObject(value)) throw new Unreadable('it is not an object');
  const selected = selectMembers(value, pointers);
  const text = JSON.stringify(selected);
  if (text.length > MAX_FACT_CHARS) throw new Unreadable('what policy reads of it is too long');
  if (MAY_BE_INEXACT.test(text)) JSON.stringify(selected, expectExact);
  return text;
}

/** As JSON.stringify writes numbers beyond 53 bits. */
const MAY_BE_INEXACT = /\d{16}|e\+/;

/** A number beyond 53 bits is another one to servers that keep all its digits (RFC 7493 section 2.2). */
function expectExact(_name: string, value: unknown): unknown {
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw new Unreadable('it holds a number that not every server reads exactly: send it as text');
  return value;
}

function selectFields(fields: readonly FormField[], names: ReadonlySet<string>): FormField[] {
  const others = fields.filter(({ name }) => !names.has(name));
  for (const wanted of names) {
    if (others.some(({ name }) => isOtherSpelling(name, wanted)))
      throw new Unreadable('it has a name that some servers read as the one that policy reads');
  }
  return bounded(fields.filter(({ name }) => names.has(name)));
}

function bounded<T>(fact: T): T {
  if (JSON.stringify(fact).length > MAX_FACT_CHARS) throw new Unreadable('what policy reads of it is too long');
  return fact;
}
