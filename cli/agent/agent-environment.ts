import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../common/errors.ts';
import { isCredentialVariable } from './credential-variables.ts';

/** Variables whose value is a file with every trusted authority; the program's own list is replaced by it. */
const BUNDLE_VARIABLES = [
  'SSL_CERT_FILE', // OpenSSL, Go, Python ssl and httpx, rustls-native-certs
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'AWS_CA_BUNDLE',
  'PIP_CERT',
  'CARGO_HTTP_CAINFO',
  'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
  'HTTPLIB2_CA_CERTS',
  'NIX_SSL_CERT_FILE',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
] as const;

/** Variables whose value is a file with authorities that are added to the program's own. */
const EXTRA_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'DENO_CERT'] as const;

const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'] as const;

/** With these a program would go round the proxy, or trust something else. */
const REMOVED_VARIABLES = [
  'NO_PROXY',
  'no_proxy',
  'SSL_CERT_DIR',
  'GIT_SSL_CAPATH',
  'GIT_SSL_NO_VERIFY',
  'NODE_TLS_REJECT_UNAUTHORIZED',
] as const;

/** Settings of Sidekey itself that an agent has no use for. */
const OWN_VARIABLES = /^SIDEKEY_/;

const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const;

export interface TrustFiles {
  /** The proxy's authority alone. */
  readonly authorityFile: string;
  /** The system's authorities and the proxy's. */
  readonly bundleFile: string;
  /** GNU wget takes its authorities from a settings file alone. */
  readonly wgetSettingsFile: string;
  remove(): void;
}

/** Writes the files that clients are pointed at, for any user to read; certificates only, never a key. */
export function writeTrustFiles(caPem: string): TrustFiles {
  const folder = makeTrustFolder();
  const authorityFile = join(folder, 'authority.pem');
  const bundleFile = join(folder, 'bundle.pem');
  const wgetSettingsFile = join(folder, 'wgetrc');
  writeFileSync(wgetSettingsFile, `ca_certificate = ${bundleFile}\n`);
  const own = caPem.endsWith('\n') ? caPem : `${caPem}\n`;
  writeFileSync(authorityFile, own);
  writeFileSync(bundleFile, `${readSystemBundle().trimEnd()}\n${own}`);
  for (const file of [authorityFile, bundleFile, wgetSettingsFile]) chmodSync(file, 0o644);
  chmodSync(folder, 0o755);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return { authorityFile, bundleFile, wgetSettingsFile, remove };
}

function makeTrustFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'sidekey-trust-'));
  } catch (cause) {
    throw new UsageError('unusable-folder', `cannot write in ${tmpdir()}, which TMPDIR can change`, { cause });
  }
}

function readSystemBundle(): string {
  const file = SYSTEM_BUNDLES.find((path) => existsSync(path));
  return file === undefined ? rootCertificates.join('\n') : readFileSync(file, 'utf8');
}

export interface EnvironmentOptions {
  readonly proxyUrl: string;
  readonly trust: Omit<TrustFiles, 'remove'>;
  /** Names to remove beside those that look like credentials. */
  readonly remove: readonly string[];
  /** Names to keep although they look like credentials. */
  readonly keep: readonly string[];
  /** What it gets in place of credentials, by name. */
  readonly placeholders?: Readonly<Record<string, string>>;
  /** Its user's own variables, when it is not ours. */
  readonly user?: Readonly<Record<string, string>>;
}

/** The agent's environment: through the proxy, trusting its authority, without credentials. */
export function makeAgentEnvironment(
  from: NodeJS.ProcessEnv,
  options: EnvironmentOptions,
): { env: NodeJS.ProcessEnv; removed: string[] } {
  const removed: string[] = [];
  const env: NodeJS.ProcessEnv = {};
  // The proxy's address takes the place of whatever stood in these.
  const cleared = new Set<string>([...REMOVED_VARIABLES, ...PROXY_VARIABLES, ...options.remove]);
  for (const [name, value = ''] of Object.entries(from)) {
    if (options.remove.includes(name)) removed.push(name);
    else if (cleared.has(name) || OWN_VARIABLES.test(name)) continue;
    else if (isCredentialVariable(name, value) && !options.keep.includes(name)) removed.push(name);
    else env[name] = value;
  }
  Object.assign(env, options.user, options.placeholders);
  for (const name of PROXY_VARIABLES) env[name] = options.proxyUrl;
  for (const name of BUNDLE_VARIABLES) env[name] = options.trust.bundleFile;
  for (const name of EXTRA_VARIABLES) env[name] = options.trust.authorityFile;
  env['WGETRC'] = options.trust.wgetSettingsFile;
  // Node 24 and newer follow the proxy variables with this; older ones through the preload.
  env['NODE_USE_ENV_PROXY'] = '1';
  const preload = preloadFile();
  if (preload !== undefined) {
    env['NODE_OPTIONS'] = [env['NODE_OPTIONS'], `--require="${preload}"`].filter(Boolean).join(' ');
  }
  return { env, removed: removed.sort() };
}

/** The script that makes fetch of Node 20 and 22 follow the proxy variables; it exists in builds only. */
function preloadFile(): string | undefined {
  for (const place of ['./node-preload.cjs', '../node-preload.cjs', '../../dist/node-preload.cjs']) {
    const file = fileURLToPath(new URL(place, import.meta.url));
    if (existsSync(file)) return file;
  }
  return undefined;
}
