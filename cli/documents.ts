import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describeError, UsageError } from '../common/errors.ts';
import {
  type DocumentError,
  formatDocumentError,
  type LocatedResource,
  locateIssue,
  parseDocuments,
} from '../control-plane/resources/parse-documents.ts';
import { formatRefused, type RefusedField, RequestRefused, type RestClient } from './rest-client.ts';

/** A checked resource of a file, and the same with its secrets brought in, ready to be sent. */
export interface SourceDocument extends LocatedResource {
  readonly document: unknown;
}

/** Reads every document of these files and folders, checked, with its secrets brought in from where they lie. */
export async function readDocuments(paths: readonly string[]): Promise<SourceDocument[]> {
  const documents: SourceDocument[] = [];
  const errors: DocumentError[] = [];
  for (const file of paths.flatMap(listFiles)) {
    const source = file === '-' ? await text(process.stdin) : readFile(file);
    const parsed = parseDocuments(source, file);
    errors.push(...parsed.errors);
    const folder = file === '-' ? process.cwd() : dirname(resolve(file));
    for (const located of parsed.resources) {
      const fail: Fail = (field, error) => {
        errors.push({ file, line: located.lineOf(field), field, message: describeError(error) });
      };
      documents.push({ ...located, document: await bringInSecrets(located.resource, folder, '', fail) });
    }
  }
  if (errors.length > 0) throw new UsageError('bad-resources', errors.map(formatDocumentError).join('\n'));
  return documents;
}

/** Sends documents to the control plane; what it finds wrong is told with file, line and field. */
export async function applyDocuments(
  client: RestClient,
  documents: readonly SourceDocument[],
  options: { readonly prune: boolean; readonly dryRun: boolean },
): Promise<unknown> {
  try {
    const resources = documents.map(({ document }) => document);
    return await client.call('POST', '/v1/apply', { body: { resources, ...options } });
  } catch (error) {
    if (!(error instanceof RequestRefused) || error.fields.length === 0) throw error;
    const lines = error.fields.map((refused) => formatPlaced(refused, documents));
    throw new UsageError(error.code, [error.title, ...lines].join('\n'), { cause: error.cause });
  }
}

function formatPlaced(refused: RefusedField, documents: readonly SourceDocument[]): string {
  const [kind = '', name = ''] = refused.resource.split('/');
  const place = locateIssue(documents, { kind, name, field: refused.field });
  // What these files do not hold stands in the control plane already.
  return place === undefined ? formatRefused(refused) : `${place.file}:${place.line}: ${formatRefused(refused)}`;
}

function listFiles(path: string): string[] {
  if (path === '-') return [path];
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (cause) {
    throw new UsageError('unreadable-file', `cannot read ${path}`, { cause });
  }
  if (!isFolder) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

type Fail = (field: string, error: unknown) => void;

/** Replaces `{fromFile}`, `{fromEnv}` and `{fromStdin}` by `{value}`; the control plane seals it and never shows it. */
async function bringInSecrets(value: unknown, folder: string, field: string, fail: Fail): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return Promise.all(value.map((item: unknown, at) => bringInSecrets(item, folder, `${field}[${at}]`, fail)));
  }
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    try {
      const secret = await readSecret(first[0], first[1], folder);
      if (secret !== undefined) return { value: secret };
    } catch (error) {
      fail(field, error);
      return value;
    }
  }
  const resolved = await Promise.all(
    entries.map(async ([name, item]) => {
      return [name, await bringInSecrets(item, folder, field === '' ? name : `${field}.${name}`, fail)];
    }),
  );
  return Object.fromEntries(resolved);
}

async function readSecret(source: string, from: unknown, folder: string): Promise<string | undefined> {
  switch (source) {
    case 'fromFile':
      return trimLineEnd(readFile(resolve(folder, String(from))));
    case 'fromEnv': {
      const value = process.env[String(from)];
      if (!value) throw new UsageError('no-secret', `the environment has no ${String(from)}`);
      return value;
    }
    case 'fromStdin':
      return trimLineEnd(await text(process.stdin));
    default:
      return undefined;
  }
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError('unreadable-file', `cannot read ${path}`, { cause });
  }
}

/** Editors end files with a line feed that is no part of the secret. */
function trimLineEnd(value: string): string {
  return value.replace(/\r?\n$/, '');
}
