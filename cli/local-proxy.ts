import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../common/errors.ts';
import { sidekeyHome } from './context.ts';

/** Where `sidekey dev` leaves its proxy's address and authority. */
export function localProxyFiles(): { urlFile: string; caFile: string; placeholdersFile: string } {
  const folder = join(sidekeyHome(), 'dev');
  return {
    urlFile: join(folder, 'proxy-url'),
    caFile: join(folder, 'proxy-ca.pem'),
    placeholdersFile: join(folder, 'placeholders.json'),
  };
}

export interface LocalProxy {
  readonly url: string;
  readonly caPem: string;
  /** Variables for its agents, by name. */
  readonly placeholders: Readonly<Record<string, string>>;
}

/** The proxy of `sidekey dev` on this machine, when there is one. */
export function readLocalProxy(): LocalProxy | undefined {
  const { urlFile, caFile, placeholdersFile } = localProxyFiles();
  if (!existsSync(urlFile) || !existsSync(caFile)) return undefined;
  const placeholders = existsSync(placeholdersFile) ? readPlaceholders(placeholdersFile) : {};
  return { url: readFileSync(urlFile, 'utf8').trim(), caPem: readFileSync(caFile, 'utf8'), placeholders };
}

function readPlaceholders(file: string): Readonly<Record<string, string>> {
  try {
    const found: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const entries = typeof found === 'object' && found !== null ? Object.entries(found) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch (cause) {
    throw new UsageError('bad-placeholders', `cannot read ${file}; start \`sidekey dev\` again`, { cause });
  }
}
