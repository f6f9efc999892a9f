import { Composer, type CST, type Document, isMap, isNode, isScalar, LineCounter, Parser, visit } from 'yaml';
import { describeError } from '../../common/errors.ts';
import type { Resource } from './kinds.ts';
import { isDeeper, MAX_LEVELS } from './nesting.ts';
import { type FieldIssue, parseResource } from './parse-resource.ts';

/** A resource and the place where it was written. */
export interface LocatedResource {
  readonly resource: Resource;
  readonly file: string;
  readonly line: number;
  /** Line of a field such as `spec.rules[0].methods`, or of the nearest thing around it that is written down. */
  lineOf(field: string): number;
}

export interface DocumentError {
  readonly file: string;
  readonly line: number;
  /** Such as `spec.rules[0].methods`; empty for the document as a whole. */
  readonly field: string;
  readonly message: string;
}

export interface ParsedDocuments {
  readonly resources: readonly LocatedResource[];
  readonly errors: readonly DocumentError[];
}

const MAX_TEXT_LENGTH = 4_000_000;
/** Aliases may stand for this many nodes at most: a few lines of YAML can otherwise unfold to billions. */
const MAX_ALIASES = 100;
/** The rest can wait until these are mended: to look up each one's line takes time. */
const MAX_ERRORS = 100;
/** A level of YAML is a collection, its list of items, an item. */
const TOKEN_LEVELS = 3;

/** Reads YAML (or JSON) text of any number of documents. Nothing is thrown: errors name file, line and field. */
export function parseDocuments(text: string, file: string): ParsedDocuments {
  if (text.length > MAX_TEXT_LENGTH) {
    return { resources: [], errors: [{ file, line: 1, field: '', message: 'the file is over 4,000,000 characters' }] };
  }
  const lines = new LineCounter();
  const tokens: CST.Token[] = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tokens.find((token) => isDeeper(token, MAX_LEVELS * TOKEN_LEVELS));
  if (deep !== undefined) {
    const message = `a document is nested more than ${MAX_LEVELS} levels deep`;
    return { resources: [], errors: [{ file, line: lineOf(lines, deep.offset), field: '', message }] };
  }
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, uniqueKeys: false, version: '1.2' });
  const resources: LocatedResource[] = [];
  const errors: DocumentError[] = [];
  const fail = (offset: number, message: string): void => {
    errors.push({ file, line: lineOf(lines, offset), field: '', message });
  };
  for (const document of composer.compose(tokens)) {
    if (errors.length >= MAX_ERRORS) break;
    for (const error of document.errors.slice(0, MAX_ERRORS)) fail(error.pos[0], error.message);
    // The library's own check compares each key with all others.
    const twins = findTwins(document);
    for (const at of twins) fail(at, 'Map keys must be unique');
    if (document.errors.length > 0 || twins.length > 0 || document.contents === null) continue;
    if (isScalar(document.contents) && document.contents.value === null) continue;
    const start = document.contents.range[0];
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      fail(start, describeError(error));
      continue;
    }
    const parsed = parseResource(value);
    const lineAt = (path: FieldIssue['path']): number => lineOf(lines, offsetOf(document, path) ?? start);
    if (parsed.ok) {
      const { resource } = parsed;
      resources.push({ resource, file, line: lineOf(lines, start), lineOf: (field) => lineAt(parsePath(field)) });
    } else {
      const found = parsed.issues
        .slice(0, MAX_ERRORS)
        .map(({ path, message }) => ({ file, line: lineAt(path), field: formatPath(path), message }));
      errors.push(...found.sort((a, b) => a.line - b.line));
    }
  }
  return { resources, errors };
}

/** Where keys stand that their map has already. */
function findTwins(document: Document.Parsed): number[] {
  const found: number[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) found.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return found.slice(0, MAX_ERRORS);
}

/** `['spec', 'rules', 0]` as `spec.rules[0]`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** `spec.rules[0]` as `['spec', 'rules', 0]`. */
function parsePath(field: string): (string | number)[] {
  return [...field.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([part, index]) =>
    index === undefined ? part : Number(index),
  );
}

/** The place that an issue is about: of resources of one name, the last one. */
export function locateIssue(
  located: readonly LocatedResource[],
  issue: { readonly kind: string; readonly name: string; readonly field: string },
): { file: string; line: number } | undefined {
  const found = located.findLast(
    ({ resource }) => resource.kind === issue.kind && resource.metadata.name === issue.name,
  );
  return found && { file: found.file, line: found.lineOf(issue.field) };
}

/** One error as people and editors read it: `file:line: field: message`. */
export function formatDocumentError(error: DocumentError): string {
  return [`${error.file}:${error.line}`, error.field, error.message].filter((part) => part !== '').join(': ');
}

/** Where the field stands, or else the nearest thing around it that does. */
function offsetOf(document: Document, path: FieldIssue['path']): number | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const last = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === last);
      if (pair && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}

function lineOf(lines: LineCounter, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}
