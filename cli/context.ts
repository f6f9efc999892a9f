import type { Command } from 'commander';
import { Secret } from '../common/secret.ts';
import { UsageError } from '../common/errors.ts';
import { readSavedContext } from './saved-context.ts';
import { readAuthorities, readText } from '../common/text-file.ts';

/** Where the control plane's REST API is and how to speak to it. */
export interface Context {
  readonly server: string;
  readonly tenant: string;
  readonly token: Secret;
  readonly caPem?: string;
}

export interface ContextOptions {
  readonly server?: string;
  readonly tenant?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** Adds the options that name a control plane. */
export function addContextOptions(command: Command): Command {
  return command
    .option('--server <url>', 'REST address of the control plane [SIDEKEY_SERVER]')
    .option('--tenant <name>', 'tenant [SIDEKEY_TENANT]')
    .option('--token-file <file>', 'file with the administrator token [SIDEKEY_TOKEN_FILE, SIDEKEY_TOKEN]')
    .option('--ca-file <file>', "control plane's certificate authority, PEM [SIDEKEY_CA_FILE]");
}

/** Options first, then the environment, then what a control plane on this machine left behind. */
export function readContext(options: ContextOptions): Context {
  const named = options.server ?? process.env['SIDEKEY_SERVER'];
  const left = readSavedContext(Boolean(named));
  const server = named || left['server'];
  if (!server) {
    throw new UsageError('no-server', 'no control plane: give --server, set SIDEKEY_SERVER, or start `sidekey dev`');
  }
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:') {
    throw new UsageError('bad-server', '--server must be an https:// URL');
  }
  // What was left behind belongs to the control plane that left it: no other one may be shown its token.
  const saved = isSameServer(server, left['server']) ? left : {};
  const caFile = options.caFile ?? process.env['SIDEKEY_CA_FILE'] ?? saved['caFile'];
  return {
    server: server.replace(/\/+$/, ''),
    tenant: options.tenant ?? process.env['SIDEKEY_TENANT'] ?? saved['tenant'] ?? 'default',
    token: readToken(options, saved, Boolean(named)),
    ...(caFile === undefined ? {} : { caPem: readAuthorities(caFile, '--ca-file') }),
  };
}

function isSameServer(server: string, other: string | undefined): boolean {
  if (other === undefined || !URL.canParse(other)) return false;
  return new URL(server).href.replace(/\/+$/, '') === new URL(other).href.replace(/\/+$/, '');
}

function readToken(options: ContextOptions, saved: Readonly<Record<string, string>>, serverIsNamed: boolean): Secret {
  if (options.tokenFile !== undefined) return readTokenFile(options.tokenFile);
  const savedFile = saved['tokenFile'];
  const file = process.env['SIDEKEY_TOKEN_FILE'];
  const text = process.env['SIDEKEY_TOKEN'];
  const given = text ? new Secret(text) : file === undefined ? undefined : readTokenFile(file);
  if (given === undefined) {
    if (savedFile !== undefined) return readTokenFile(savedFile);
    throw new UsageError('no-token', 'no administrator token: give --token-file or set SIDEKEY_TOKEN_FILE');
  }
  // The token may be meant for another control plane than the one that happens to run on this machine.
  if (!serverIsNamed && (savedFile === undefined || readTokenFile(savedFile).reveal() !== given.reveal())) {
    throw new UsageError(
      'token-without-server',
      'the environment has a token but names no control plane: set SIDEKEY_SERVER too, or give --server',
    );
  }
  return given;
}

function readTokenFile(file: string): Secret {
  const text = readText(file, '--token-file').trim();
  if (text === '') throw new UsageError('no-token', `--token-file: ${file} is empty`);
  return new Secret(text);
}
