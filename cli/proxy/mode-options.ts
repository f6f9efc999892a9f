import { networkInterfaces } from 'node:os';
import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import { HostError, parseAuthority, type Authority } from '../../common/net/host.ts';
import type { LocalListener, ProxyConfig } from '../../proxy/config.ts';
import { collectWords, parseListen } from './proxy-options.ts';

/** How agents reach the proxy beside its explicit port, and who may. */
export interface ModeOptions {
  readonly transparent?: readonly string[];
  readonly local?: readonly string[];
  readonly refusePort?: readonly string[];
  readonly allowUid?: readonly string[];
  readonly allowRemote?: boolean;
  readonly selfTest?: boolean;
}

const UNIX = 'unix:';
const MAX_UID = 0xffff_fffe;

export function addModeOptions(command: Command): Command {
  const words = (flags: string, text: string, variable: string): Option =>
    new Option(flags, text).env(variable).argParser(collectWords);
  return command
    .addOption(
      words(
        '--transparent <[host:]port...>',
        'take redirected connections here; a port alone stands for 127.0.0.1 and ::1',
        'SIDEKEY_TRANSPARENT',
      ),
    )
    .addOption(
      words(
        '--local <address=host[:port]...>',
        'be this host for agents, in cleartext on HOST:PORT or unix:PATH',
        'SIDEKEY_LOCAL',
      ),
    )
    .addOption(
      words(
        '--refuse-port <port...>',
        'refuse tunnels to these ports at once, such as those of protocols whose server speaks first',
        'SIDEKEY_REFUSE_PORT',
      ),
    )
    .addOption(
      words('--allow-uid <uid...>', 'only processes of these users may connect, to any listener', 'SIDEKEY_ALLOW_UID'),
    )
    .addOption(
      new Option('--allow-remote', 'listeners may be reachable from other machines').env('SIDEKEY_ALLOW_REMOTE'),
    )
    .addOption(
      new Option(
        '--self-test',
        'not ready before a connection of another user was seen to be redirected, and none of its own',
      ).env('SIDEKEY_SELF_TEST'),
    );
}

type ModeConfig = Pick<
  ProxyConfig,
  'transparent' | 'local' | 'refusedPorts' | 'allowedUids' | 'allowRemote' | 'selfTest'
>;

/** @throws UsageError */
export function toModeConfig(options: ModeOptions): ModeConfig {
  const { transparent = [], local = [], refusePort = [], allowUid, allowRemote = false, selfTest = false } = options;
  if (selfTest && transparent.length === 0) {
    throw new UsageError('no-transparent', '--self-test is about redirected connections: give --transparent too');
  }
  return {
    transparent: transparent.flatMap((text) => parseTransparent(text)),
    local: local.map((text) => parseLocal(text)),
    refusedPorts: refusePort.map((text) => parsePortNumber(text, '--refuse-port')),
    allowRemote,
    selfTest,
    ...(allowUid === undefined ? {} : { allowedUids: allowUid.map((text) => parseUid(text, '--allow-uid')) }),
  };
}

/**
 * Who may use a proxy that is one person's own: that user, and those who are named. Elsewhere than on Linux nobody can tell
 * who a caller is.
 */
export function callersByDefault(more: readonly number[]): Pick<ProxyConfig, 'allowedUids'> {
  const own = process.geteuid?.();
  return own === undefined || process.platform !== 'linux' ? {} : { allowedUids: [own, ...more] };
}

/** A number that can be a user's. @throws UsageError */
export function parseUid(text: string, option: string): number {
  return parseNumber(text, option, 0, MAX_UID);
}

/** @throws UsageError */
export function parsePortNumber(text: string, option: string): number {
  return parseNumber(text, option, 1, 65_535);
}

function parseTransparent(text: string): Authority[] {
  const at = parseListen(text, '--transparent');
  if (!/^[0-9]+$/.test(text)) return [at];
  const hasIpv6 = Object.values(networkInterfaces()).some((found) => found?.some(({ address }) => address === '::1'));
  return hasIpv6 ? [at, { host: '::1', port: at.port }] : [at];
}

function parseLocal(text: string): LocalListener {
  const [where = '', named, ...rest] = text.split('=');
  if (named === undefined || rest.length > 0 || where === UNIX) {
    throw new UsageError('bad-local', `--local: use ADDRESS=HOST[:PORT], not "${text}"`);
  }
  try {
    const upstream = parseAuthority(named, 443);
    if (where.startsWith(UNIX)) return { at: { socketPath: where.slice(UNIX.length) }, upstream };
    return { at: parseListen(where, '--local'), upstream };
  } catch (cause) {
    if (!(cause instanceof HostError)) throw cause;
    throw new UsageError('bad-local', `--local: "${named}" is no host with an optional port`, { cause });
  }
}

/** @throws UsageError */
export function parseNumber(text: string, option: string, least: number, most: number): number {
  const value = Number(text);
  if (/^[0-9]{1,10}$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError('bad-number', `${option}: use a number from ${least} to ${most}, not "${text}"`);
}
