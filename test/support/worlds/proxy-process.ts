import { execFileSync, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { VERSION } from '../../../common/version.ts';
import type { PolicyClientStats } from '../../../policy-client/index.ts';
import type { ProxyLimits } from '../../../proxy/limits.ts';

/** A proxy whose policy is a function in its own process. */
export interface ChildSetup {
  readonly upstreams: readonly { readonly host: string; readonly port: number; readonly caPem: string }[];
  /** All routes inject SECRET, so that all answers are scrubbed. */
  readonly injects: boolean;
}

/** A proxy that asks a control plane. */
export interface LinkedSetup {
  readonly controlPlane: { readonly address: string; readonly caPem: string };
  /** An OIDC token. */
  readonly evidence: string;
  readonly spoolDir: string;
  readonly limits: Partial<ProxyLimits>;
  /** A listener of its own for this host and port. */
  readonly local: { readonly host: string; readonly port: number };
  /** Before all upstreams but these NO_PROXY rules. */
  readonly upstreamProxy: { readonly url: string; readonly noProxy: string; readonly caPem: string };
}

export type ChildQuestion =
  | { readonly kind: 'start'; readonly setup: ChildSetup | LinkedSetup }
  | { readonly kind: 'memory' }
  | { readonly kind: 'stats' }
  | { readonly kind: 'close' };

export type ChildAnswer =
  | { readonly kind: 'started'; readonly port: number; readonly localPort: number; readonly caPem: string }
  | { readonly kind: 'memory'; readonly usage: NodeJS.MemoryUsage }
  | { readonly kind: 'stats'; readonly stats: PolicyClientStats }
  | { readonly kind: 'done' };

/** A proxy in a process of its own. */
export interface ProxyProcess {
  readonly port: number;
  /** Of the local listener; 0 without one. */
  readonly localPort: number;
  readonly caPem: string;
  /** After a garbage collection. */
  memory(): Promise<NodeJS.MemoryUsage>;
  /** Bytes of memory that the process had at most; 0 where there is no /proc. */
  peakBytes(): number;
  descriptors(): number;
  /** It may open those below this number alone (prlimit(1)). */
  limitDescriptors(below: number): void;
  /** Of its link to the control plane. */
  stats(): Promise<PolicyClientStats>;
  close(): Promise<void>;
}

export async function startProxyProcess(setup: ChildSetup | LinkedSetup): Promise<ProxyProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-proxy-'));
  const file = join(folder, 'proxy.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('proxy-child.ts', import.meta.url))],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    external: ['koffi'],
    define: { __SIDEKEY_VERSION__: JSON.stringify(VERSION) },
    banner: { js: "import{createRequire as made}from'node:module';const require=made(import.meta.url);" },
    logLevel: 'silent',
  });
  const child = fork(file, {
    execArgv: ['--expose-gc'],
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const askNow = <K extends ChildAnswer['kind']>(
    question: ChildQuestion,
    kind: K,
  ): Promise<Extract<ChildAnswer, { kind: K }>> =>
    new Promise((resolve, reject) => {
      const gone = (code: number | null): void => reject(new Error(`the proxy's process ended with ${code}`));
      child.once('exit', gone);
      child.once('message', (answer: ChildAnswer) => {
        child.off('exit', gone);
        if (answer.kind === kind) resolve(answer as Extract<ChildAnswer, { kind: K }>);
        else reject(new Error(`asked for ${kind}, was told ${answer.kind}`));
      });
      child.send(question);
    });
  // One question at a time, as answers do not say to which they are.
  let turn: Promise<unknown> = Promise.resolve();
  const ask: typeof askNow = (question, kind) => {
    const answer = turn.then(() => askNow(question, kind));
    turn = answer.catch(() => {});
    return answer;
  };
  const { port, localPort, caPem } = await ask({ kind: 'start', setup }, 'started');
  const pid = child.pid ?? 0;
  return {
    port,
    localPort,
    caPem,
    memory: async () => (await ask({ kind: 'memory' }, 'memory')).usage,
    peakBytes: () => 1024 * Number(/VmHWM:\s+(\d+)/.exec(procFile(pid, 'status'))?.[1] ?? 0),
    descriptors: () => {
      try {
        return readdirSync(`/proc/${pid}/fd`).length;
      } catch {
        return 0;
      }
    },
    limitDescriptors: (below) => void execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${below}:`]),
    stats: async () => (await ask({ kind: 'stats' }, 'stats')).stats,
    close: async () => {
      if (child.exitCode === null) {
        const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
        child.send({ kind: 'close' } satisfies ChildQuestion);
        await gone;
        clearTimeout(timer);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
