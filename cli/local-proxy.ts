import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Route } from '../proto/gen/sidekey/v1/route.ts';
import { UsageError } from '../common/errors.ts';
import { formatAuthority } from '../common/net/host.ts';
import type { Proxy } from '../proxy/main.ts';
import { sidekeyHome } from './context.ts';
import { placeholderEnvironment } from './placeholders.ts';

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

/** Where `sidekey dev` leaves word of its proxy. */
export function devFolder(): string {
  return join(sidekeyHome(), 'dev');
}

function filesIn(folder: string): { url: string; ca: string; replaced: string; placeholders: string } {
  const at = (name: string): string => join(folder, name);
  return {
    url: at('proxy-url'),
    ca: at('proxy-ca.pem'),
    replaced: at('replaced-variables'),
    placeholders: at('placeholders.json'),
  };
}

/** The file of authorities in this folder, which the proxy itself keeps up to date. @throws UsageError */
export function localAuthorityFile(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new UsageError('unusable-folder', `cannot make ${folder}`, { cause });
  }
  return filesIn(folder).ca;
}

/** Leaves word of this proxy, and of each change, until the function that it gives is called. The proxy must be ready. */
export function publishProxy({ address, client }: Pick<Proxy, 'address' | 'client'>, folder: string): () => void {
  const url = `http://${formatAuthority(address.host, address.port)}`;
  const names = filesIn(folder);
  const publish = (): void => {
    const routes = client.routes();
    writeWhole(
      names.replaced,
      replacedVariablesOf(routes)
        .map((name) => `${name}\n`)
        .join(''),
    );
    writeWhole(names.placeholders, JSON.stringify(placeholderEnvironment(routes)));
    // The address last: its file says that the proxy is there.
    writeWhole(names.url, `${url}\n`);
  };
  publish();
  const stop = client.onChange(publish);
  return () => {
    stop();
    rmSync(names.url, { force: true });
  };
}

/** The proxy that left word in this folder, when there is one. */
export function readLocalProxy(folder: string = devFolder()): AgentProxy | undefined {
  const { url, ca, placeholders, replaced } = filesIn(folder);
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
  // No secret is among them, and agents can be of another user.
  writeFileSync(partial, text, { mode: 0o644 });
  renameSync(partial, file);
}
