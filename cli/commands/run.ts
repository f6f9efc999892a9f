import { connect } from 'node:net';
import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import { makeAgentEnvironment, writeTrustFiles } from '../agent-environment.ts';
import { readText } from '../context.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { paint } from '../paint.ts';
import { addProxyOptions, toProxyConfig, type ProxyOptions } from '../proxy-options.ts';
import { type AgentVariables, agentVariablesOf } from '../agent-variables.ts';
import { type AgentProxy, readLocalProxy } from '../local-proxy.ts';
import { runAgent } from '../run-agent.ts';

const DRAIN_MS = 5_000;
const NO_VARIABLES: AgentVariables = { replacedVariables: [], placeholders: {} };
/** Whoever runs a command waits for it; why there is no policy stands in the log above. */
const READY_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;

interface RunOptions extends ProxyOptions {
  readonly proxy?: string;
  readonly proxyCa?: string;
  readonly agentDir?: string;
  readonly removeEnv?: readonly string[];
  readonly keepEnv?: readonly string[];
  readonly quiet?: boolean;
}

interface OpenProxy extends AgentProxy {
  close(): Promise<void>;
}

export function define(command: Command): void {
  addProxyOptions(command)
    .argument('<command>', 'program to run')
    .argument('[args...]', 'its arguments')
    .passThroughOptions()
    .addOption(
      new Option('--proxy <url>', 'use the proxy that listens here, instead of starting one').env('SIDEKEY_PROXY'),
    )
    .addOption(new Option('--proxy-ca <file>', "that proxy's certificate authority, PEM").env('SIDEKEY_PROXY_CA'))
    .addOption(
      new Option('--agent-dir <dir>', 'use the proxy that `sidekey proxy --agent-dir` describes here').env(
        'SIDEKEY_AGENT_DIR',
      ),
    )
    .option('--remove-env <name...>', 'remove these variables from its environment too')
    .option('--keep-env <name...>', 'keep these variables although they look like credentials')
    .option('--quiet', 'do not say what was removed')
    .addHelpText('after', HELP)
    .action(run);
}

const HELP = `
The command gets proxy variables, trust in the proxy's authority (curl, git, Python, Node, Deno, Go, AWS tools) and an
environment without credentials: well-known ones, and those that the policy's credential providers say they replace. It gets
the placeholders that policy names variables for. With --proxy alone the policy is not known: use --agent-dir, or name more
with --remove-env. Without --control-plane, --proxy and --agent-dir, the proxy of \`sidekey dev\` on this machine is used.
Its exit code is passed through.

Examples:
  sidekey run -- python3 agent.py
  sidekey run --remove-env MY_KEY -- npx my-agent --verbose
  sidekey run --control-plane cp:7443 --control-plane-ca ca.pem --evidence oidc=token.jwt -- ./agent`;

async function run(program: string, args: readonly string[], options: RunOptions): Promise<void> {
  const proxy = await findProxy(options);
  const trust = writeTrustFiles(proxy.caPem);
  try {
    const { env, removed } = makeAgentEnvironment(process.env, {
      proxyUrl: proxy.url,
      trust,
      remove: [...(options.removeEnv ?? []), ...proxy.replacedVariables],
      keep: options.keepEnv ?? [],
      placeholders: proxy.placeholders,
    });
    if (removed.length > 0 && options.quiet !== true) {
      console.error(
        paint('yellow', `sidekey: removed from the agent's environment: ${removed.join(', ')}`, process.stderr),
      );
    }
    process.exitCode = await runAgent(program, args, env);
  } finally {
    trust.remove();
    await proxy.close();
  }
}

/** The proxy that was named, one of our own, or that of `sidekey dev`. */
async function findProxy(options: RunOptions): Promise<OpenProxy> {
  if (options.proxy !== undefined) {
    if (options.proxyCa === undefined) throw new UsageError('no-proxy-ca', '--proxy needs --proxy-ca');
    const caPem = readText(options.proxyCa, '--proxy-ca');
    // What another process's proxy knows of the policy is its own: --agent-dir, or --remove-env, names more.
    return { url: options.proxy, caPem, ...NO_VARIABLES, close: () => Promise.resolve() };
  }
  if (options.controlPlane !== undefined) return startOwnProxy(toProxyConfig(options, { host: '127.0.0.1', port: 0 }));
  const local = readLocalProxy(options.agentDir);
  if (local === undefined) {
    const message =
      options.agentDir === undefined
        ? 'no proxy: start `sidekey dev`, or give --control-plane, --proxy or --agent-dir'
        : `no proxy: none has left word in ${options.agentDir} yet`;
    throw new UsageError('no-proxy', message);
  }
  await expectListener(local.url);
  return { ...local, close: () => Promise.resolve() };
}

/** What is left behind may be of a proxy that was killed. */
function expectListener(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(new CommandFailed(EXIT_CODES.unreachable, `the proxy at ${url} is gone; start it again`, { cause }));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new Error('no answer in time')));
    socket.once('error', fail).once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

async function startOwnProxy(config: ProxyConfig): Promise<OpenProxy> {
  const { startProxy } = await import('../../proxy/main.ts');
  const proxy = await startProxy({
    ...config,
    logLevel: config.logLevel === 'info' ? 'warn' : (config.logLevel ?? 'warn'),
  });
  await Promise.race([proxy.ready, failAfter(READY_TIMEOUT_MS)]);
  if (proxy.caPem === undefined)
    throw new CommandFailed(EXIT_CODES.failed, 'the control plane issued no certificate authority');
  return {
    url: `http://${proxy.address.host}:${proxy.address.port}`,
    caPem: proxy.caPem,
    ...agentVariablesOf(proxy.client.routes()),
    close: () => proxy.close(DRAIN_MS),
  };
}

function failAfter(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    const failed = new CommandFailed(EXIT_CODES.unreachable, 'the proxy got no policy from the control plane in time');
    setTimeout(() => reject(failed), ms).unref();
  });
}
