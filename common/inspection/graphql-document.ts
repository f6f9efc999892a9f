// By file: the package's root would bring its executor and type system into the proxy.
import type { DocumentNode, OperationDefinitionNode, SelectionSetNode } from 'graphql/language/ast.js';
import { Kind } from 'graphql/language/kinds.js';
import { parse } from 'graphql/language/parser.js';
import { MAX_READ_AGAIN, otherReading, readsOtherwise } from './graphql-readings.ts';
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

/**
 * Reads the only operation of a document, which must have this name if there is one.
 *
 * @throws Unreadable
 */
export function readDocument(source: unknown, name: unknown): GraphqlOperation {
  if (typeof source !== 'string') throw new Unreadable('it has no query');
  if (name !== undefined && typeof name !== 'string') throw new Unreadable('its operation name is no name');
  const document = parseText(source, MAX_TOKENS);
  if (document instanceof Error) throw new Unreadable('its query cannot be parsed', { cause: document });
  const operation = operationOf(document, name);
  const reading = otherReading(source, document);
  const other = reading === undefined ? undefined : parseText(reading, MAX_TOKENS + MAX_READ_AGAIN);
  // What a server cannot parse it does not run.
  if (other === undefined || other instanceof Error) return operation;
  const { operationType, rootFields } = operationOf(other, name);
  if (operationType !== operation.operationType || rootFields.join() !== operation.rootFields.join())
    throw readsOtherwise('it has a comment beyond ASCII in front of a field at its root');
  return operation;
}

function parseText(source: string, maxTokens: number): DocumentNode | Error {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    return error as Error;
  }
}

function operationOf(document: DocumentNode, name: string | undefined): GraphqlOperation {
  const operation = soleOperation(document, name);
  const fields = new Set<string>();
  collectFields(operation.selectionSet, fragmentsOf(document), fields);
  return {
    operationType: operation.operation,
    operationName: operation.name?.value ?? '',
    rootFields: [...fields].sort(),
  };
}

/** GraphQL section 6.1, GetOperation. Of several, servers that compile a document once (graphql-jit) run the one that was named then. */
function soleOperation(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    else if (definition.kind !== Kind.FRAGMENT_DEFINITION) throw new Unreadable('its query defines types');
  }
  const [operation] = operations;
  if (operation === undefined || operations.length > 1) throw new Unreadable('it does not hold one operation alone');
  if (name !== undefined && name !== '' && operation.name?.value !== name)
    throw new Unreadable('it names an operation that it does not hold');
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
