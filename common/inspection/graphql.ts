import { fieldOf, type FormField, isOtherSpelling } from './form.ts';
import { type GraphqlOperation, readDocument } from './graphql-document.ts';
import { isJsonObject, memberOf, parseStrictJson, soleMember } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** What a request may hold (GraphQL over HTTP). Ids of stored documents are not among it: what they stand for cannot be read. */
const MEMBERS = new Set(['query', 'operationName', 'variables', 'extensions']);
/** Where servers of stored documents look for the id, in the URL and the extensions too (Apollo, Relay, Hot Chocolate, WunderGraph, graphql-ruby). */
const DOCUMENT_IDS = ['documentId', 'doc_id', 'id', 'queryId', 'hash', 'operationId'];

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
  if (parameters.some(({ name }) => MEMBERS.has(name))) throw new Unreadable('its URL and its body may disagree');
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
  for (const name of ['persistedQuery', ...DOCUMENT_IDS])
    if (soleMember(extensions, name) !== undefined) throw new Unreadable('it names a stored document');
}
