import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { UsageError } from '../common/errors.ts';
import { formatDocumentError, parseDocuments } from '../control-plane/resources/parse-documents.ts';

/** Reads every document of these files and folders, checked, with its secrets brought in from where they lie. */
export async function readDocuments(paths: readonly string[]): Promise<unknown[]> {
  const documents: unknown[] = [];
  const errors: string[] = [];
  for (const file of paths.flatMap(listFiles)) {
    const source = file === '-' ? await text(process.stdin) : readFile(file);
    const parsed = parseDocuments(source, file);
    errors.push(...parsed.errors.map(formatDocumentError));
    const folder = file === '-' ? process.cwd() : dirname(resolve(file));
    for (const { resource } of parsed.resources) documents.push(await bringInSecrets(resource, folder));
  }
  if (errors.length > 0) throw new UsageError('bad-resources', errors.join('\n'));
  return documents;
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

/** Replaces `{fromFile}`, `{fromEnv}` and `{fromStdin}` by `{value}`; the control plane seals it and never shows it. */
async function bringInSecrets(value: unknown, folder: string): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item: unknown) => bringInSecrets(item, folder)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    const secret = await readSecret(first[0], first[1], folder);
    if (secret !== undefined) return { value: secret };
  }
  const resolved = await Promise.all(entries.map(async ([name, item]) => [name, await bringInSecrets(item, folder)]));
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
