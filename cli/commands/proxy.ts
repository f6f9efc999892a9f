import { Option, type Command } from 'commander';
import { formatAuthority } from '../../common/net/host.ts';
import { harden } from '../harden.ts';
import { localAuthorityFile, publishWhenReady } from '../proxy/local-proxy.ts';
import { addModeOptions, parseNumber, toModeConfig, type ModeOptions } from '../proxy/mode-options.ts';
import {
  addProxyOptions,
  parseAdmin,
  parseListen,
  readProxyToken,
  toProxyConfig,
  type ProxyOptions,
} from '../proxy/proxy-options.ts';
import { waitForSignal } from '../shutdown.ts';
import { writeWhole } from '../whole-file.ts';

const MAX_DRAIN_SECONDS = 86_400;

interface ProxyCommandOptions extends ProxyOptions, ModeOptions {
  readonly listen: string;
  readonly admin?: string;
  readonly caFile?: string;
  readonly agentDir?: string;
  readonly addressFile?: string;
  readonly proxyTokenFile?: string;
  readonly drainSeconds: string;
}

export function define(command: Command): void {
  addModeOptions(addProxyOptions(command))
    .addOption(
      new Option('--listen <host:port>', 'where agents connect').env('SIDEKEY_LISTEN').default('127.0.0.1:8080'),
    )
    .addOption(
      new Option('--admin <path|host:port>', 'where /healthz, /readyz and /metrics are served').env('SIDEKEY_ADMIN'),
    )
    .addOption(
      new Option('--ca-file <file>', 'write the authority that agents must trust here, PEM; never a key').env(
        'SIDEKEY_AUTHORITY_FILE',
      ),
    )
    .addOption(
      new Option(
        '--agent-dir <dir>',
        'leave what `sidekey run --agent-dir` needs here: address, authority, placeholders, names of variables to remove',
      )
        .env('SIDEKEY_AGENT_DIR')
        .conflicts('caFile'),
    )
    .addOption(new Option('--address-file <file>', 'write the address here once it listens'))
    .addOption(
      new Option('--proxy-token-file <file>', 'agents must send this token as proxy password').env(
        'SIDEKEY_PROXY_TOKEN_FILE',
      ),
    )
    .addOption(
      new Option('--drain-seconds <n>', 'how long open calls may take after SIGTERM')
        .env('SIDEKEY_DRAIN_SECONDS')
        .default('30'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  sidekey proxy --control-plane cp.example.com:7443 --control-plane-ca ca.pem --evidence kubernetes',
    )
    .action(runProxy);
}

async function runProxy(options: ProxyCommandOptions): Promise<void> {
  await harden();
  const { agentDir } = options;
  const drainSeconds = parseNumber(options.drainSeconds, '--drain-seconds', 0, MAX_DRAIN_SECONDS);
  const caFile = agentDir === undefined ? options.caFile : localAuthorityFile(agentDir);
  const config = {
    ...toProxyConfig(options, parseListen(options.listen, '--listen')),
    ...toModeConfig(options),
    ...(options.admin === undefined ? {} : { admin: parseAdmin(options.admin) }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(options.proxyTokenFile === undefined ? {} : { proxyToken: readProxyToken(options.proxyTokenFile) }),
  };
  const { startProxy } = await import('../../proxy/main.ts');
  const proxy = await startProxy(config);
  const address = formatAuthority(proxy.address.host, proxy.address.port);
  if (options.addressFile !== undefined) writeWhole(options.addressFile, `${address}\n`, 0o644);
  console.error(`sidekey proxy listens on ${address}`);
  const published = agentDir === undefined ? undefined : publishWhenReady(proxy, agentDir);
  // Calls that are cut are recorded: what was done with a credential must not go unseen.
  const signal = waitForSignal(() => proxy.close(0));
  await Promise.race([signal, ...(published === undefined ? [] : [published.failure])]);
  published?.stop();
  await proxy.close(drainSeconds * 1000);
}
