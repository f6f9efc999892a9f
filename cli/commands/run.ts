import { isatty } from 'node:tty';
import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { formatAuthority } from '../../common/net/host.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import { makeAgentEnvironment, writeTrustFiles } from '../agent/agent-environment.ts';
import { type AgentUser, findAgentUser } from '../agent/agent-user.ts';
import { readAuthorities } from '../../common/text-file.ts';
import { findExposed, isWithin } from '../agent/exposed.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { harden } from '../harden.ts';
import { paint, printable } from '../paint.ts';
import { chooseProxy, type ProxyWay } from '../proxy/choose-proxy.ts';
import { addProxyOptions, toProxyConfig, type ProxyOptions } from '../proxy/proxy-options.ts';
import { type AgentVariables, agentVariablesOf } from '../agent/agent-variables.ts';
import { type AgentProxy, readLocalProxy } from '../proxy/local-proxy.ts';
import { evidenceFiles } from '../proxy/evidence.ts';
import { canHideFolders, hideFolders, type Program } from '../agent/hidden-folders.ts';
import { callersByDefault } from '../proxy/mode-options.ts';
import { startReadyProxy } from '../proxy/ready-proxy.ts';
import { runAgent, runIsolatedAgent } from '../agent/run-agent.ts';
import { expectListener, parseProxyUrl } from '../proxy/proxy-listener.ts';
import { guardTerminal } from '../agent/terminal-guard.ts';
import { waitForSignal } from '../shutdown.ts';

const DRAIN_MS = 5_000;
const NO_VARIABLES: AgentVariables = { replacedVariables: [], placeholders: {} };

interface RunOptions extends ProxyOptions {
  readonly proxy?: string;
  readonly proxyCa?: string;
  readonly agentDir?: string;
  readonly removeEnv?: readonly string[];
  readonly keepEnv?: readonly string[];
  readonly quiet?: boolean;
  readonly user?: string;
  readonly isolation: 'auto' | 'required' | 'off';
}

interface OpenProxy extends AgentProxy {
  /** A later call can only shorten the time. */
  close(drainMs: number): Promise<void>;
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
    .option('--user <name|uid>', 'run it as this user, which cannot read what is yours (as root)')
    .addOption(
      new Option('--isolation <way>', "keep Sidekey's own files from it: if possible, or not at all")
        .choices(['auto', 'required', 'off'])
        .env('SIDEKEY_ISOLATION')
        .default('auto'),
    )
    .addHelpText('after', HELP)
    .action(run);
}

const HELP = `
The command gets proxy variables, trust in the proxy's authority (curl, git, Python, Node, Deno, Go, AWS tools) and an
environment without what looks like a credential (by its name, or a URL with a password), and without the variables that the
policy's credential providers say they replace. --keep-env keeps what was taken by mistake. It gets
the placeholders that policy names variables for. With --proxy alone the policy is not known: use --agent-dir, or name more
with --remove-env. Without --control-plane, --proxy and --agent-dir, the proxy of \`sidekey dev\` on this machine is used.
Of a variable and another of these options, the option says which proxy it is.
Its exit code is passed through.

Sidekey's folder (~/.sidekey) holds what gives every credential away. The command sees it empty where Linux lets ordinary users
do that (unshare); setuid programs such as sudo do nothing for it then, and on Linux 6.12 its signals reach no process outside, and
what it leaves running ends with it.
Where this is not possible, as for root, a warning says what it can read; "required" refuses to run it, "off" does neither. A user
of its own (--user) keeps more from it.

Examples:
  sidekey run -- python3 agent.py
  sidekey run --remove-env MY_KEY -- npx my-agent --verbose
  sidekey run --control-plane cp:7443 --control-plane-ca ca.pem --evidence oidc=token.jwt -- ./agent`;

async function run(program: string, args: readonly string[], options: RunOptions, command: Command): Promise<void> {
  const way = chooseProxy(command);
  // What the agent's environment lacks stands in that of this process, its parent.
  await harden();
  const user = options.user === undefined ? undefined : findAgentUser(options.user);
  const isolate = user === undefined ? planIsolation(options) : asItIs;
  const proxy = await findProxy(way, options, user);
  const trust = writeTrustFiles(proxy.caPem);
  try {
    const { env, removed } = makeAgentEnvironment(process.env, {
      proxyUrl: proxy.url,
      trust,
      remove: [...(options.removeEnv ?? []), ...proxy.replacedVariables],
      keep: options.keepEnv ?? [],
      placeholders: proxy.placeholders,
      ...(user === undefined ? {} : { user: user.env }),
    });
    if (removed.length > 0 && options.quiet !== true) {
      warn(`removed from the agent's environment: ${removed.join(', ')}`);
    }
    const isConfined = user !== undefined || isolate !== asItIs;
    if (isConfined && !(await guardTerminal()) && isatty(0)) {
      warn('this terminal cannot be guarded: the command can type into it as if you did');
    }
    process.exitCode =
      isolate === asItIs
        ? await runAgent([program, ...args], env, user)
        : await runIsolatedAgent(isolate([program, ...args]), env);
  } finally {
    trust.remove();
    // Who is in a hurry leaves the last records to the next proxy, where there is a spool.
    void waitForSignal().then(() => proxy.close(0));
    await proxy.close(DRAIN_MS);
  }
}

type Isolate = (program: Program) => Program;

const asItIs: Isolate = (program) => program;

/** How the command is kept from what would let it act in our place. @throws UsageError when it must be and cannot */
function planIsolation({ isolation, evidence = [] }: RunOptions): Isolate {
  if (isolation === 'off') return asItIs;
  const { folders, files, sockets } = findExposed(
    [process.env['SIDEKEY_TOKEN_FILE'] ?? [], evidenceFiles(evidence)].flat(),
  );
  const isHidden = folders.length + sockets.length > 0 && canHideFolders(folders);
  if (isHidden && folders.some((folder) => isWithin(process.cwd(), folder))) {
    throw new UsageError('hidden-folder', 'the command would not see the folder it starts in: start it elsewhere');
  }
  const left = [...(isHidden ? [] : [...folders, ...sockets]), ...files].join(', ');
  if (left !== '') {
    const message = `the command can read ${left}, and so get credentials for itself`;
    if (isolation === 'required') throw new UsageError('not-isolated', `${message}; --user is another way`);
    warn(`${message}: give it a user of its own (--user), or silence this with --isolation off`);
  }
  return isHidden ? (program) => hideFolders(folders, program) : asItIs;
}

function warn(text: string): void {
  console.error(paint('yellow', `sidekey: ${printable(text)}`, process.stderr));
}

/** The proxy that was named, one of our own, or that of `sidekey dev`. */
async function findProxy(way: ProxyWay, options: RunOptions, user: AgentUser | undefined): Promise<OpenProxy> {
  if (way === 'proxy' && options.proxy !== undefined) {
    if (options.proxyCa === undefined) throw new UsageError('no-proxy-ca', '--proxy needs --proxy-ca');
    const caPem = readAuthorities(options.proxyCa, '--proxy-ca');
    await expectListener(parseProxyUrl(options.proxy));
    // What another process's proxy knows of the policy is its own: --agent-dir, or --remove-env, names more.
    return { url: options.proxy, caPem, ...NO_VARIABLES, close: () => Promise.resolve() };
  }
  if (way === 'controlPlane') {
    const config = toProxyConfig(options, { host: '127.0.0.1', port: 0 });
    return startOwnProxy({ ...config, ...callersByDefault(user === undefined ? [] : [user.uid]) });
  }
  const local = readLocalProxy(options.agentDir);
  if (local === undefined) {
    const message =
      options.agentDir === undefined
        ? 'no proxy: start `sidekey dev`, or give --control-plane, --proxy or --agent-dir'
        : `no proxy: none has left word in ${options.agentDir} yet`;
    throw new UsageError('no-proxy', message);
  }
  await expectListener(new URL(local.url));
  return { ...local, close: () => Promise.resolve() };
}

async function startOwnProxy(config: ProxyConfig): Promise<OpenProxy> {
  const logLevel = config.logLevel === 'info' ? 'warn' : (config.logLevel ?? 'warn');
  const proxy = await startReadyProxy({ ...config, logLevel });
  if (proxy.caPem === undefined)
    throw new CommandFailed(EXIT_CODES.failed, 'the control plane issued no certificate authority');
  return {
    url: `http://${formatAuthority(proxy.address.host, proxy.address.port)}`,
    caPem: proxy.caPem,
    ...agentVariablesOf(proxy.client.routes()),
    close: (drainMs) => proxy.close(drainMs),
  };
}
