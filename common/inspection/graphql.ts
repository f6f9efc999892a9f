// By file: the package's root would bring its executor and type system into the proxy.
import type { DocumentNode, OperationDefinitionNode, SelectionSetNode } from 'graphql/language/ast.js';
import { Kind } from 'graphql/language/kinds.js';
import { parse } from 'graphql/language/parser.js';
import { TokenKind } from 'graphql/language/tokenKind.js';
import { fieldOf, type FormField, isOtherSpelling } from './form.ts';
import { mayStandFor } from './parameter-name.ts';
import { isJsonObject, memberOf, parseStrictJson, soleMember } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** The one operation that a request runs. */
export interface GraphqlOperation {
  readonly operationType: string;
  /** Empty: anonymous. */
  readonly operationName: string;
  /** Names, not aliases, of all fields at the root, fragments included; sorted, each once. */
  readonly rootFields: readonly string[];
}

const MAX_TOKENS = 5_000;
/** What a request may hold (GraphQL over HTTP). Ids of stored documents are not among it: what they stand for cannot be read. */
const MEMBERS = new Set(['query', 'operationName', 'variables', 'extensions']);
/** Where servers of stored documents look for the id, in the URL too (Apollo, Relay, Hot Chocolate, WunderGraph). */
const DOCUMENT_IDS = ['documentId', 'doc_id', 'id', 'queryId', 'hash'];
/** Names operations of the document that run one after the other, whatever `operationName` says (Hot Chocolate). */
const BATCH = 'batchOperations';

/**
 * Reads a request of GraphQL over HTTP. `body` is strictly parsed JSON, `parameters` are those of the URL: for GET they are
 * the request and nothing else stands there, beside a body they are refused, since some servers let them win.
 *
 * @throws Unreadable
 */
export function readGraphql(
  httpMethod: string,
  parameters: readonly FormField[],
  body: () => unknown,
): GraphqlOperation {
  for (const member of MEMBERS) {
    if (parameters.some(({ name }) => isOtherSpelling(name, member)))
      throw new Unreadable('servers may read its URL in more than one way');
  }
  if (httpMethod === 'GET') {
    if (!parameters.every(({ name }) => MEMBERS.has(name)))
      throw new Unreadable('its URL holds more than a request of GraphQL');
    const extensions = fieldOf(parameters, 'extensions');
    refuseStored(extensions === undefined ? undefined : parseStrictJson(Buffer.from(extensions)));
    return readDocument(fieldOf(parameters, 'query'), fieldOf(parameters, 'operationName'));
  }
  if (httpMethod !== 'POST') throw new Unreadable('GraphQL knows POST and GET');
  if (parameters.some(({ name }) => MEMBERS.has(name) || mayStandFor(name, BATCH)))
    throw new Unreadable('its URL and its body may disagree');
  if (parameters.some(({ name }) => DOCUMENT_IDS.some((id) => name === id || isOtherSpelling(name, id))))
    throw new Unreadable('it names a stored document');
  const request = body();
  if (Array.isArray(request)) throw new Unreadable('it is a batch');
  if (!isJsonObject(request) || !Object.keys(request).every((name) => MEMBERS.has(name))) {
    throw new Unreadable('it is no request of GraphQL');
  }
  refuseStored(memberOf(request, 'extensions'));
  return readDocument(memberOf(request, 'query'), memberOf(request, 'operationName') ?? undefined);
}

/** Some servers read text, in which names have escapes, as the JSON that it holds. */
function refuseStored(extensions: unknown): void {
  if (extensions === undefined || extensions === null) return;
  if (!isJsonObject(extensions)) throw new Unreadable('its extensions are no object');
  if (soleMember(extensions, 'persistedQuery') !== undefined) throw new Unreadable('it names a stored document');
}

function readDocument(source: unknown, name: unknown): GraphqlOperation {
  if (typeof source !== 'string') throw new Unreadable('it has no query');
  if (name !== undefined && typeof name !== 'string') throw new Unreadable('its operation name is no name');
  let document: DocumentNode;
  try {
    document = parse(source, { maxTokens: MAX_TOKENS });
  } catch (cause) {
    throw new Unreadable('its query cannot be parsed', { cause });
  }
  assertReadAlike(source, document);
  const operation = chosenOperation(document, name);
  const fields = new Set<string>();
  collectFields(operation.selectionSet, fragmentsOf(document), fields);
  return {
    operationType: operation.operation,
    operationName: operation.name?.value ?? '',
    rootFields: [...fields].sort(),
  };
}

/**
 * Where servers' parsers part from the specification (section 2.1), so that they would see other fields: graphql-ruby ends no
 * comment at CR, graphql-go (Go) reads on elsewhere behind a byte order mark or a comment beyond ASCII, and graph-gophers ends
 * a block string at an escaped quote.
 */
function assertReadAlike(source: string, { loc }: DocumentNode): void {
  const differs = (what: string): Unreadable =>
    new Unreadable(`servers may read its query in more than one way: ${what}`);
  if (/\r(?!\n)|\ufeff/.test(source)) throw differs('it has a bare carriage return or a byte order mark');
  for (let token = loc?.startToken; token; token = token.next ?? undefined) {
    if (token.kind === TokenKind.COMMENT && !/^[\t -~]*$/.test(token.value))
      throw differs('it has a comment beyond ASCII');
    if (token.kind === TokenKind.BLOCK_STRING && source.slice(token.start + 3, token.end - 3).includes('"'))
      throw differs('it has a quote within a block string');
  }
}

/** GraphQL section 6.1, GetOperation. */
function chosenOperation(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    else if (definition.kind !== Kind.FRAGMENT_DEFINITION) throw new Unreadable('its query defines types');
  }
  const named = name === undefined || name === '' ? operations : operations.filter((one) => one.name?.value === name);
  const [operation] = named;
  if (operation === undefined || named.length > 1) throw new Unreadable('it does not say which operation to run');
  return operation;
}

type Fragments = Map<string, SelectionSetNode>;

function fragmentsOf(document: DocumentNode): Fragments {
  const fragments: Fragments = new Map();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    if (fragments.has(definition.name.value)) throw new Unreadable('it defines a fragment twice');
    fragments.set(definition.name.value, definition.selectionSet);
  }
  return fragments;
}

/** Directives are not evaluated: a field that may be skipped counts. Each fragment is entered once, so cycles end. */
function collectFields(root: SelectionSetNode, fragments: Fragments, fields: Set<string>): void {
  const waiting = [root];
  for (let set = waiting.pop(); set !== undefined; set = waiting.pop()) {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) fields.add(selection.name.value);
      else if (selection.kind === Kind.INLINE_FRAGMENT) waiting.push(selection.selectionSet);
      else {
        const name = selection.name.value;
        const fragment = fragments.get(name);
        if (fragment !== undefined) waiting.push(fragment);
        fragments.delete(name);
      }
    }
  }
}
