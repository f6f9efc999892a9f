import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describeError, UsageError } from '../common/errors.ts';
import {
  type DocumentError,
  formatDocumentError,
  type LocatedResource,
  locateIssue,
  parseDocuments,
} from '../control-plane/resources/parse-documents.ts';
import type { Resource, SecretSource } from '../control-plane/resources/kinds.ts';
import { replaceSecrets, secretFields } from '../control-plane/resources/secret-fields.ts';
import { decodeUtf8, readText } from '../common/text-file.ts';
import { formatRefused, type RefusedField, RequestRefused, type RestClient } from './rest-client.ts';

/** A checked resource of a file, and the same with its secrets brought in, ready to be sent. */
export interface SourceDocument extends LocatedResource {
  readonly document: Resource;
}

/** Reads every document of these files and folders, checked, with its secrets brought in from where they lie. */
export async function readDocuments(paths: readonly string[]): Promise<SourceDocument[]> {
  const documents: SourceDocument[] = [];
  const errors: DocumentError[] = [];
  for (const file of paths.flatMap(listFiles)) {
    const source = file === '-' ? await readStdin() : readText(file);
    const parsed = parseDocuments(source, file);
    errors.push(...parsed.errors);
    const folder = file === '-' ? process.cwd() : dirname(resolve(file));
    for (const located of parsed.resources) {
      const fail: Fail = (field, error) => {
        errors.push({ file, line: located.lineOf(field), field, message: describeError(error) });
      };
      documents.push({ ...located, document: await bringInSecrets(located.resource, folder, fail) });
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

/** With file and line, where these documents have it. */
export function formatPlaced(refused: RefusedField, documents: readonly SourceDocument[]): string {
  const [kind = '', name = ''] = refused.resource.split('/');
  const place = locateIssue(documents, { kind, name, field: refused.field });
  // What these files do not hold stands in the control plane already.
  return place === undefined ? formatRefused(refused) : `${place.file}:${place.line}: ${formatRefused(refused)}`;
}

function listFiles(path: string): string[] {
  if (path === '-') return [path];
  try {
    return statSync(path).isDirectory() ? listBelow(path, new Set()).sort() : [path];
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError('unreadable-file', `cannot read ${path}`, { cause });
  }
}

/**
 * Each folder once, though links lead back to it. Of a mounted ConfigMap the same files stand in hidden folders too, and
 * editors hide what is half saved.
 */
function listBelow(folder: string, seen: Set<string>): string[] {
  const place = realpathSync(folder);
  if (seen.has(place)) return [];
  seen.add(place);
  return readdirSync(folder).flatMap((name) => {
    if (name.startsWith('.')) return [];
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) return listBelow(path, seen);
    if (!/\.ya?ml$/.test(name)) return [];
    // A pipe or a device may have no end.
    if (found !== undefined && !found.isFile()) throw new UsageError('unreadable-file', `${path} is no file`);
    return [path];
  });
}

type Fail = (field: string, error: unknown) => void;

/** A value in place of `{fromFile}`, `{fromEnv}` and `{fromStdin}`; the control plane seals it and never shows it. */
async function bringInSecrets(resource: Resource, folder: string, fail: Fail): Promise<Resource> {
  if (resource.kind !== 'CredentialProvider') return resource;
  const values = new Map<string, SecretSource>();
  for (const { field, source } of secretFields(resource.spec)) {
    try {
      values.set(field, await readSecret(source, folder));
    } catch (error) {
      fail(`spec.${field}`, error);
    }
  }
  return replaceSecrets(resource, ({ field, source }) => values.get(field) ?? source);
}

async function readSecret(source: SecretSource, folder: string): Promise<SecretSource> {
  if ('fromFile' in source) {
    const value = trimLineEnd(readText(resolve(folder, source.fromFile)));
    return given(value, `${source.fromFile} is empty`);
  }
  // Whoever reads it second, or after the documents of `-f -`, finds its end.
  if ('fromStdin' in source) {
    return given(trimLineEnd(await readStdin()), 'standard input has no secret left');
  }
  if (!('fromEnv' in source)) return source;
  return given(process.env[source.fromEnv] ?? '', `the environment has no ${source.fromEnv}`);
}

async function readStdin(): Promise<string> {
  return decodeUtf8(await buffer(process.stdin), 'standard input');
}

function given(value: string, lack: string): SecretSource {
  if (value === '') throw new UsageError('no-secret', lack);
  return { value };
}

/** Editors end files with a line feed that is no part of the secret. */
function trimLineEnd(value: string): string {
  return value.replace(/\r?\n$/, '');
}
