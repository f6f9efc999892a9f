import { join } from 'node:path';
import { parseAuthority, type Authority } from '../common/net/host.ts';
import { UsageError } from '../common/errors.ts';
import { Secret } from '../common/secret.ts';

/** An OpenID issuer whose tokens administrators may use on the REST API. */
export interface AdminOidc {
  readonly issuer: string;
  readonly audience: string;
  /** A dotted claim and the value that makes an administrator; a list claim must hold it. */
  readonly claim: string;
  readonly value: string;
  /** The dotted claim that names the tenants they administer, `*` all; without it: all. */
  readonly tenantClaim?: string | undefined;
  /** Authorities for reaching the issuer beside the system's, PEM file. */
  readonly caFile?: string | undefined;
}

export interface ControlPlaneConfig {
  /** Folder of the embedded database, the embedded authority, the sealing key and the bootstrap token. */
  readonly dataDir: string;
  /** `postgres://...`; without it the database is embedded. */
  readonly databaseUrl?: string | undefined;
  /** Keeps the embedded database in memory; for tests. */
  readonly inMemory?: boolean | undefined;
  /** Port 0 takes any that is free, here and below. */
  readonly grpcListen: Authority;
  readonly restListen: Authority;
  /** Where `/metrics` is served, in cleartext and to anybody who can connect. Without it: nowhere. */
  readonly metricsListen?: Authority | undefined;
  /** Certificate chain and key, PEM files; without them an embedded authority in `dataDir` issues both. */
  readonly tls?:
    | { readonly certFile: string; readonly keyFile: string; readonly caFile?: string | undefined }
    | undefined;
  /** More names and addresses for the embedded certificate, beside localhost and the listening addresses. */
  readonly serverNames?: readonly string[] | undefined;
  /** https URL under which the REST API is reached from outside: the issuer of tokens. Default: its own address. */
  readonly publicUrl?: string | undefined;
  /** Unix socket on which processes of this machine get local evidence. Without it: off. */
  readonly localTrustSocket?: string | undefined;
  /** File of sealing keys; default `dataDir/sealing-key`, made when missing. */
  readonly sealingKeyFile?: string | undefined;
  /** The sealing keys themselves, in the form of the file; from SIDEKEY_SEALING_KEYS only. */
  readonly sealingKeys?: Secret | undefined;
  readonly adminOidc?: AdminOidc | undefined;
  /** Default 900,000. */
  readonly sessionLifetimeMs?: number | undefined;
  /** Default 5,000. */
  readonly heartbeatMs?: number | undefined;
}

/** Folder of the embedded database; undefined when there is none on this disk. */
export function storeFolderOf({ dataDir, databaseUrl, inMemory }: ControlPlaneConfig): string | undefined {
  return databaseUrl !== undefined || inMemory === true ? undefined : join(dataDir, 'store');
}

/** Flags as the command line gives them, in camel case. */
export interface ControlPlaneFlags {
  readonly dataDir?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly grpcListen?: string | undefined;
  readonly restListen?: string | undefined;
  readonly metricsListen?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly tlsCaFile?: string | undefined;
  readonly serverName?: readonly string[] | undefined;
  readonly publicUrl?: string | undefined;
  readonly localTrustSocket?: string | undefined;
  readonly sealingKeyFile?: string | undefined;
  readonly adminOidcIssuer?: string | undefined;
  readonly adminOidcAudience?: string | undefined;
  /** `CLAIM=VALUE`, such as `groups=sidekey-admins`. */
  readonly adminOidcClaim?: string | undefined;
  readonly adminOidcTenantClaim?: string | undefined;
  readonly adminOidcCaFile?: string | undefined;
}

/** As user or as parameter (libpq 32.1.1.2). */
const PASSWORD_IN_URL = /\/\/[^/@]*:[^/@]+@|[?&](?:ssl)?password=/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, then SIDEKEY_* variables (`--data-dir` is SIDEKEY_DATA_DIR), then defaults. Throws UsageError. */
export function parseControlPlaneConfig(flags: ControlPlaneFlags, env: Environment): ControlPlaneConfig {
  const read = (flag: Exclude<keyof ControlPlaneFlags, 'serverName'>): string | undefined =>
    flags[flag] ?? (env[variableOf(flag)] || undefined);
  const dataDir = read('dataDir');
  if (dataDir === undefined) throw new UsageError('no-data-dir', 'give --data-dir or set SIDEKEY_DATA_DIR');
  if (PASSWORD_IN_URL.test(flags.databaseUrl ?? '')) {
    const message = '--database-url: everybody can read a password there; use SIDEKEY_DATABASE_URL';
    throw new UsageError('password-in-arguments', message);
  }
  const metricsListen = read('metricsListen');
  return Object.freeze({
    dataDir,
    databaseUrl: read('databaseUrl'),
    grpcListen: parseListen(read('grpcListen') ?? '127.0.0.1:7443', '--grpc-listen'),
    restListen: parseListen(read('restListen') ?? '127.0.0.1:7444', '--rest-listen'),
    metricsListen: metricsListen === undefined ? undefined : parseListen(metricsListen, '--metrics-listen'),
    tls: readTls(read('tlsCertFile'), read('tlsKeyFile'), read('tlsCaFile')),
    serverNames: flags.serverName ?? env['SIDEKEY_SERVER_NAME']?.split(',').filter((name) => name !== '') ?? [],
    publicUrl: read('publicUrl'),
    localTrustSocket: read('localTrustSocket'),
    sealingKeyFile: read('sealingKeyFile'),
    sealingKeys: env['SIDEKEY_SEALING_KEYS'] ? new Secret(env['SIDEKEY_SEALING_KEYS']) : undefined,
    adminOidc: readAdminOidc({
      issuer: read('adminOidcIssuer'),
      audience: read('adminOidcAudience'),
      rule: read('adminOidcClaim'),
      // Empty, it would let every administrator into all tenants.
      tenantClaim: flags.adminOidcTenantClaim ?? env[variableOf('adminOidcTenantClaim')],
      caFile: read('adminOidcCaFile'),
    }),
  });
}

function variableOf(flag: string): string {
  return `SIDEKEY_${flag.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

const NO_PORT = 0;

function parseListen(text: string, flag: string): Authority {
  try {
    // Port 0 is not an authority's, but asks for a free one here.
    if (text.endsWith(':0')) return { host: parseAuthority(`${text.slice(0, -1)}1`, 1).host, port: 0 };
    const address = parseAuthority(text, NO_PORT);
    if (address.port === NO_PORT) throw new UsageError('bad-listen', 'the port is missing');
    return address;
  } catch (cause) {
    throw new UsageError('bad-listen', `${flag}: "${text}" is not HOST:PORT`, { cause });
  }
}

function readTls(certFile?: string, keyFile?: string, caFile?: string): ControlPlaneConfig['tls'] {
  if (certFile === undefined && keyFile === undefined && caFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new UsageError('bad-tls', 'give --tls-cert-file and --tls-key-file together; --tls-ca-file is for these');
  }
  return { certFile, keyFile, caFile };
}

function readAdminOidc(given: {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly rule: string | undefined;
  readonly tenantClaim: string | undefined;
  readonly caFile: string | undefined;
}): AdminOidc | undefined {
  const { issuer, audience, rule, tenantClaim, caFile } = given;
  if (Object.values(given).every((value) => value === undefined)) return undefined;
  const [, claim, value] = /^([^=]+)=(.+)$/.exec(rule ?? '') ?? [];
  if (issuer === undefined || audience === undefined || claim === undefined || value === undefined) {
    throw new UsageError(
      'bad-admin-oidc',
      'give --admin-oidc-issuer, --admin-oidc-audience and --admin-oidc-claim CLAIM=VALUE together',
    );
  }
  if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:') {
    throw new UsageError('bad-admin-oidc', '--admin-oidc-issuer must be an https:// URL');
  }
  if (tenantClaim === '') throw new UsageError('bad-admin-oidc', '--admin-oidc-tenant-claim names no claim');
  return { issuer, audience, claim, value, tenantClaim, caFile };
}
