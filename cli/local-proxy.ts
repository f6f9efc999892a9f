import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentVariables, readAgentVariables, writeAgentVariables } from './agent-variables.ts';
import { sidekeyHome } from './context.ts';

/** What a command needs to know of the proxy that it runs behind. */
export interface AgentProxy extends AgentVariables {
  readonly url: string;
  readonly caPem: string;
}

function files(): { folder: string; url: string; ca: string; variables: string } {
  const folder = join(sidekeyHome(), 'dev');
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    url: at('proxy-url'),
    ca: at('proxy-ca.pem'),
    variables: at('agent-variables.json'),
  };
}

/** The file of authorities, which the proxy itself keeps up to date. */
export function localAuthorityFile(): string {
  const { folder, ca } = files();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return ca;
}

/** Leaves word of the proxy of `sidekey dev`; the address last, for its file says that the proxy is there. */
export function writeLocalProxy(url: string, variables: AgentVariables): void {
  const names = files();
  mkdirSync(names.folder, { recursive: true, mode: 0o700 });
  writeAgentVariables(names.variables, variables);
  writeWhole(names.url, `${url}\n`);
}

/** The proxy is gone. */
export function removeLocalProxy(): void {
  rmSync(files().url, { force: true });
}

/** The proxy of `sidekey dev` on this machine, when there is one. */
export function readLocalProxy(): AgentProxy | undefined {
  const { url, ca, variables } = files();
  if (!existsSync(url) || !existsSync(ca)) return undefined;
  return {
    url: readFileSync(url, 'utf8').trim(),
    caPem: readFileSync(ca, 'utf8'),
    ...readAgentVariables(variables),
  };
}

function writeWhole(file: string, text: string): void {
  const partial = `${file}.${process.pid}.tmp`;
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, file);
}
