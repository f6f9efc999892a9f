import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Route } from '../proto/gen/sidekey/v1/route.ts';
import { UsageError } from '../common/errors.ts';
import { sidekeyHome } from './context.ts';

/** What a command needs to know of the proxy that it runs behind. */
export interface AgentProxy {
  readonly url: string;
  readonly caPem: string;
  /** Environment variables that the policy's credentials take the place of. */
  readonly replacedVariables: readonly string[];
  /** Variables for its agents, by name. */
  readonly placeholders: Readonly<Record<string, string>>;
}

/** The variables that the credentials of these routes take the place of. */
export function replacedVariablesOf(routes: readonly Route[]): string[] {
  return [...new Set(routes.flatMap(({ agent }) => agent?.replacedVariables ?? []))].sort();
}

function files(): { folder: string; url: string; ca: string; replaced: string; placeholders: string } {
  const folder = join(sidekeyHome(), 'dev');
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    url: at('proxy-url'),
    ca: at('proxy-ca.pem'),
    replaced: at('replaced-variables'),
    placeholders: at('placeholders.json'),
  };
}

/** The file of authorities, which the proxy itself keeps up to date. */
export function localAuthorityFile(): string {
  const { folder, ca } = files();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return ca;
}

/** Leaves word of the proxy of `sidekey dev`; the address last, for its file says that the proxy is there. */
export function writeLocalProxy({ url, placeholders, replacedVariables }: Omit<AgentProxy, 'caPem'>): void {
  const names = files();
  mkdirSync(names.folder, { recursive: true, mode: 0o700 });
  writeWhole(names.replaced, replacedVariables.map((name) => `${name}\n`).join(''));
  writeWhole(names.placeholders, JSON.stringify(placeholders));
  writeWhole(names.url, `${url}\n`);
}

/** The proxy is gone. */
export function removeLocalProxy(): void {
  rmSync(files().url, { force: true });
}

/** The proxy of `sidekey dev` on this machine, when there is one. */
export function readLocalProxy(): AgentProxy | undefined {
  const { url, ca, placeholders, replaced } = files();
  if (!existsSync(url) || !existsSync(ca)) return undefined;
  return {
    url: readFileSync(url, 'utf8').trim(),
    caPem: readFileSync(ca, 'utf8'),
    placeholders: existsSync(placeholders) ? readPlaceholders(placeholders) : {},
    replacedVariables: existsSync(replaced) ? readFileSync(replaced, 'utf8').split('\n').filter(Boolean) : [],
  };
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

function writeWhole(file: string, text: string): void {
  const partial = `${file}.${process.pid}.tmp`;
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, file);
}
