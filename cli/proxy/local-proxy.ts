import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AgentVariables,
  agentVariablesOf,
  readAgentVariables,
  writeAgentVariables,
} from '../agent/agent-variables.ts';
import { describeError, UsageError } from '../../common/errors.ts';
import { makeFolder } from '../../common/folder.ts';
import { formatAuthority } from '../../common/net/host.ts';
import type { Proxy } from '../../proxy/main.ts';
import { sidekeyHome } from '../saved-context.ts';
import { paint, printable } from '../paint.ts';
import { writeWhole } from '../whole-file.ts';

/** What a command needs to know of the proxy that it runs behind. */
export interface AgentProxy extends AgentVariables {
  readonly url: string;
  readonly caPem: string;
}

/** Where `sidekey dev` leaves word of its proxy. */
export function devFolder(): string {
  return join(sidekeyHome(), 'dev');
}

function filesIn(folder: string): { url: string; ca: string; variables: string } {
  const at = (name: string): string => join(folder, name);
  return {
    url: at('proxy-url'),
    ca: at('proxy-ca.pem'),
    variables: at('agent-variables.json'),
  };
}

/** The file of authorities in this folder, which the proxy itself keeps up to date. @throws UsageError */
export function localAuthorityFile(folder: string): string {
  try {
    makeFolder(folder, 0o755);
  } catch (cause) {
    throw new UsageError('unusable-folder', `cannot make ${folder}`, { cause });
  }
  return filesIn(folder).ca;
}

const WRITE_AGAIN_MS = 5_000;

/**
 * Leaves word of this proxy, and of each change, until the function that it gives is called. The proxy must be ready. A change
 * that cannot be written is told and tried again: until then an agent would be started with what policy said before.
 *
 * @throws SidekeyError `unwritable-file` when even the first word cannot be left
 */
export function publishProxy({ address, client }: Pick<Proxy, 'address' | 'client'>, folder: string): () => void {
  const url = `http://${formatAuthority(address.host, address.port)}`;
  const names = filesIn(folder);
  const publish = (): void => {
    writeAgentVariables(names.variables, agentVariablesOf(client.routes()));
    // The address last: its file says that the proxy is there. Neither is secret, and agents can be of another user.
    writeWhole(names.url, `${url}\n`, 0o644);
  };
  publish();
  let again: NodeJS.Timeout | undefined;
  let isTold = false;
  const republish = (): void => {
    clearTimeout(again);
    try {
      publish();
      isTold = false;
    } catch (error) {
      const problem = `agents are started with what policy said before: ${describeError(error)}`;
      if (!isTold) console.error(paint('yellow', `sidekey: ${printable(problem)}`, process.stderr));
      isTold = true;
      again = setTimeout(republish, WRITE_AGAIN_MS);
      again.unref();
    }
  };
  const stop = client.onChange(republish);
  return () => {
    stop();
    clearTimeout(again);
    rmSync(names.url, { force: true });
  };
}

/**
 * Leaves word once the proxy is ready: before its first snapshot an agent would be started with variables that policy says to
 * remove. `failure` is rejected when that fails; nothing is left after `stop`, whenever the proxy becomes ready.
 */
export function publishWhenReady(
  proxy: Pick<Proxy, 'address' | 'client' | 'ready'>,
  folder: string,
): { readonly failure: Promise<never>; stop(): void } {
  let stopped = false;
  let unpublish = (): void => {};
  const failure = new Promise<never>((_, reject) => {
    const publish = (): void => {
      if (!stopped) unpublish = publishProxy(proxy, folder);
    };
    // A proxy that is closed before it is ready has nothing to say.
    proxy.ready.then(publish, () => {}).catch(reject);
  });
  const stop = (): void => {
    stopped = true;
    unpublish();
  };
  return { failure, stop };
}

/** The proxy that left word in this folder, when there is one. */
export function readLocalProxy(folder: string = devFolder()): AgentProxy | undefined {
  const { url, ca, variables } = filesIn(folder);
  if (!existsSync(url) || !existsSync(ca)) return undefined;
  return {
    url: readFileSync(url, 'utf8').trim(),
    caPem: readFileSync(ca, 'utf8'),
    ...readAgentVariables(variables),
  };
}
