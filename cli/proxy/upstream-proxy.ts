import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { Secret } from '../../common/secret.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import { readText } from '../../common/text-file.ts';
import { refusePasswordInArguments } from './password-in-arguments.ts';

export interface UpstreamProxyOptions {
  readonly upstreamProxy?: string;
  readonly upstreamProxyPasswordFile?: string;
  readonly upstreamNoProxy?: string;
}

type UpstreamProxy = NonNullable<ProxyConfig['upstreamProxy']>;

/** As curl and Go take them: the lower-case variable wins, and the one for https, which is what upstreams speak. */
const ENVIRONMENT = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const;

/** Adds the options for an agent that lives behind a corporate proxy. */
export function addUpstreamProxyOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--upstream-proxy <url>',
        'reach upstreams through this http, https, socks5 or socks5h proxy; "env" takes HTTPS_PROXY and NO_PROXY',
      ).env('SIDEKEY_UPSTREAM_PROXY'),
    )
    .addOption(
      new Option('--upstream-proxy-password-file <file>', 'password for the user in --upstream-proxy').env(
        'SIDEKEY_UPSTREAM_PROXY_PASSWORD_FILE',
      ),
    )
    .addOption(
      new Option(
        '--upstream-no-proxy <list>',
        'hosts, .suffixes, addresses, CIDR ranges, each with :port if need be, that are reached directly',
      ).env('SIDEKEY_UPSTREAM_NO_PROXY'),
    );
}

/** The proxy that these options ask for. `HTTPS_PROXY` is not read unless `env` says so: it may well point to Sidekey. */
export function readUpstreamProxy(
  options: UpstreamProxyOptions,
  listen: ProxyConfig['listen'],
  env: NodeJS.ProcessEnv = process.env,
  args: readonly string[] = process.argv,
): UpstreamProxy | undefined {
  const fromEnvironment = options.upstreamProxy === 'env';
  const given = fromEnvironment ? firstOf(env, ENVIRONMENT) : options.upstreamProxy;
  if (given === undefined || given === '') {
    if (!fromEnvironment && options.upstreamProxyPasswordFile !== undefined) {
      throw new UsageError('no-upstream-proxy', '--upstream-proxy-password-file needs --upstream-proxy');
    }
    if (!fromEnvironment) return undefined;
    throw new UsageError('no-upstream-proxy', '--upstream-proxy env: neither HTTPS_PROXY nor ALL_PROXY is set');
  }
  const instead = 'use --upstream-proxy-password-file or SIDEKEY_UPSTREAM_PROXY';
  refusePasswordInArguments('--upstream-proxy', given, instead, args);
  const url =
    options.upstreamProxyPasswordFile === undefined ? given : withPassword(given, options.upstreamProxyPasswordFile);
  if (pointsTo(url, listen)) throw new UsageError('upstream-proxy-loop', '--upstream-proxy is this proxy itself');
  const noProxy = options.upstreamNoProxy ?? (fromEnvironment ? firstOf(env, ['no_proxy', 'NO_PROXY']) : undefined);
  return { url: new Secret(url), ...(noProxy === undefined ? {} : { noProxy }) };
}

function firstOf(env: NodeJS.ProcessEnv, names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}

function withPassword(url: string, file: string): string {
  const found = /^([a-z0-9]+:\/\/)([^/:@]+)@(.*)$/i.exec(url);
  if (found === null) {
    throw new UsageError(
      'no-upstream-proxy-user',
      '--upstream-proxy-password-file: put the user into --upstream-proxy',
    );
  }
  const password = readText(file, '--upstream-proxy-password-file').trim();
  return `${found[1]}${found[2]}:${encodeURIComponent(password)}@${found[3]}`;
}

/** The plain cases of a proxy that would call itself; the others are refused call by call. */
function pointsTo(url: string, listen: ProxyConfig['listen']): boolean {
  const [, host, port] = /(?:\/\/|@)(\[[^\]]+\]|[^:/@]+):([0-9]+)\/?$/.exec(url) ?? [];
  if (Number(port) !== listen.port) return false;
  const isLoopback = host === 'localhost' || host === '[::1]' || host?.startsWith('127.') === true;
  return host === listen.host || host === `[${listen.host}]` || isLoopback;
}
