import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { Secret } from '../../common/secret.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import { parseLimits } from '../../proxy/limit-settings.ts';
import { sidekeyHome } from '../saved-context.ts';
import { EVIDENCE_HELP, readEvidenceSources, watchUser } from './evidence.ts';
import { readAuthorities, readText } from '../../common/text-file.ts';
import { addUpstreamProxyOptions, readUpstreamProxy, type UpstreamProxyOptions } from './upstream-proxy.ts';
import type { Authority } from '../../common/net/host.ts';
import type { ProbeAddress } from '../../common/probe-server.ts';

export interface ProxyOptions extends UpstreamProxyOptions {
  readonly controlPlane?: string;
  readonly controlPlaneCa?: string;
  readonly tenant: string;
  readonly evidence?: readonly string[];
  readonly authority: 'local' | 'issued';
  readonly unrouted: 'deny' | 'tunnel' | 'observe';
  readonly upstreamCa?: string;
  readonly spoolDir?: string;
  readonly limit?: readonly string[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Adds the options with which a command starts a proxy. Each has a variable of the environment beside it. */
export function addProxyOptions(command: Command): Command {
  return addUpstreamProxyOptions(command)
    .addOption(
      new Option('--control-plane <host:port>', 'gRPC address of the control plane').env('SIDEKEY_CONTROL_PLANE'),
    )
    .addOption(
      new Option('--control-plane-ca <file>', "control plane's certificate authority, PEM").env(
        'SIDEKEY_CONTROL_PLANE_CA',
      ),
    )
    .addOption(new Option('--tenant <name>', 'tenant').env('SIDEKEY_TENANT').default('default'))
    .addOption(new Option('--evidence <source...>', EVIDENCE_HELP).env('SIDEKEY_EVIDENCE').argParser(collectWords))
    .addOption(
      new Option('--authority <kind>', 'who signs what the agent sees')
        .choices(['local', 'issued'])
        .env('SIDEKEY_AUTHORITY')
        .default('local'),
    )
    .addOption(
      new Option('--unrouted <way>', 'what happens to hosts without a route')
        .choices(['deny', 'tunnel', 'observe'])
        .env('SIDEKEY_UNROUTED')
        .default('deny'),
    )
    .addOption(
      new Option('--upstream-ca <file>', "authorities to trust upstream beside the system's, PEM").env(
        'SIDEKEY_UPSTREAM_CA',
      ),
    )
    .addOption(
      new Option(
        '--spool-dir <dir>',
        'folder for decision records while the control plane is away; --limit maxSpoolBytes bounds it',
      ).env('SIDEKEY_SPOOL_DIR'),
    )
    .addOption(
      new Option('--limit <name=value...>', 'bounds of the proxy, by the names in docs/reference/limits.md')
        .env('SIDEKEY_LIMITS')
        .argParser(collectWords),
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .env('SIDEKEY_LOG_LEVEL')
        .default('info'),
    );
}

/** The configuration that these options ask for. */
export function toProxyConfig(options: ProxyOptions, listen: ProxyConfig['listen']): ProxyConfig {
  const { controlPlane, controlPlaneCa, upstreamCa } = options;
  if (controlPlane === undefined)
    throw new UsageError('no-control-plane', 'give --control-plane or set SIDEKEY_CONTROL_PLANE');
  if (controlPlaneCa === undefined)
    throw new UsageError('no-control-plane-ca', 'give --control-plane-ca or set SIDEKEY_CONTROL_PLANE_CA');
  const upstreamProxy = readUpstreamProxy(options, listen);
  if (options.evidence === undefined) throw new UsageError('no-evidence', 'give --evidence or set SIDEKEY_EVIDENCE');
  return {
    controlPlane: {
      address: withPort(controlPlane),
      caPem: readAuthorities(controlPlaneCa, '--control-plane-ca'),
      tenant: options.tenant,
    },
    evidence: readEvidenceSources(options.evidence),
    onOtherUser: watchUser(options.evidence),
    listen,
    authority: options.authority,
    unrouted: options.unrouted,
    logLevel: options.logLevel,
    spoolDir: options.spoolDir ?? `${sidekeyHome()}/spool`,
    limits: parseLimits(options.limit ?? []),
    ...(upstreamProxy === undefined ? {} : { upstreamProxy }),
    ...(upstreamCa === undefined ? {} : { upstreamCaPem: readAuthorities(upstreamCa, '--upstream-ca') }),
    trustFiles: { controlPlane: controlPlaneCa, ...(upstreamCa === undefined ? {} : { upstream: upstreamCa }) },
  };
}

/** gRPC would take port 443, and wait for it. */
function withPort(address: string): string {
  if (/^[^/\s]+:\d{1,5}$/.test(address)) return address;
  throw new UsageError('bad-address', `--control-plane: use HOST:PORT, not "${address}"`);
}

/** `host:port`, `[ipv6]:port` or a port on this machine's loopback. */
export function parseListen(text: string, option: string): Authority {
  const found = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?([0-9]{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found === null || port > 65_535) throw new UsageError('bad-address', `${option}: use HOST:PORT, not "${text}"`);
  return { host: found[1] ?? found[2] ?? '127.0.0.1', port };
}

/** `--admin`: a unix socket by its path, or HOST:PORT. */
export function parseAdmin(text: string): ProbeAddress {
  return text.includes('/') ? { socketPath: text } : parseListen(text, '--admin');
}

/** The token that agents must send to the proxy, from a file. */
export function readProxyToken(file: string): Secret {
  const text = readText(file, '--proxy-token-file').trim();
  if (text.length < 16)
    throw new UsageError('short-token', '--proxy-token-file: the token needs 16 characters or more');
  return new Secret(text);
}

/** From the environment several values come as one text, divided by blanks or commas. */
export function collectWords(text: string, before: unknown): string[] {
  return [...(Array.isArray(before) ? before.map(String) : []), ...text.split(/[\s,]+/).filter((word) => word !== '')];
}
