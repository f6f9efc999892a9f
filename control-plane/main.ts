import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { createServer } from 'node:net';
import { type Clock, systemClock } from '../common/clock.ts';
import { UsageError } from '../common/errors.ts';
import { makeFolder } from '../common/folder.ts';
import { formatAuthority, type Authority } from '../common/net/host.ts';
import { Secret } from '../common/secret.ts';
import { PlaceholderKeys } from './credentials/placeholder-keys.ts';
import { ProxyService } from './api/grpc/proxy-service.ts';
import { createAdminAuthenticator } from './api/rest/admin.ts';
import { administratorsOf } from './administrators.ts';
import type { RestDependencies } from './api/rest/dependencies.ts';
import { createExplainer } from './api/rest/explain.ts';
import { createPlaceholderReader } from './api/rest/placeholders.ts';
import { startRestServer, type TlsIdentity } from './api/rest/server.ts';
import { SessionGate } from './api/grpc/session-gate.ts';
import { TenantAuthorities } from './credentials/tenant-authorities.ts';
import { createEvidenceVerifier } from './attestation/evidence-verifier.ts';
import { JwksCache } from './attestation/jwks-cache.ts';
import { createLocalAuthority, type LocalAuthority } from './attestation/local.ts';
import { openLocalSocket } from './attestation/local-socket.ts';
import { createSessionAuthority } from './attestation/session.ts';
import { followDecisions, queryDecisions } from './audit/query-decisions.ts';
import { verifyChains } from './audit/verify.ts';
import { verifyCheckpoints } from './audit/verify-checkpoints.ts';
import { openBootstrapToken } from './bootstrap-token.ts';
import type { ControlPlaneConfig } from './config.ts';
import { Issuer } from './credentials/issuer.ts';
import { createMinter } from './credentials/minters.ts';
import { RevocationStore } from './policy/revocation-store.ts';
import { createDatabaseCheck } from './store/database-fault.ts';
import { createErrorLog } from './error-log.ts';
import type { Followed } from '../common/followed.ts';
import { FollowedFiles } from './followed-files.ts';
import { Closers, type Foundation, openFoundation } from './foundation.ts';
import { startGrpcServer } from './api/grpc/grpc-server.ts';
import { createSealingRotation } from './store/rotate-sealing.ts';
import { loadServerTls, renewServerTls, type ServerTls } from './server-tls.ts';
import { ControlPlaneMetrics } from './metrics/control-plane-metrics.ts';
import { meterMinter, meterTokenRequests } from './metrics/metered.ts';
import { serveMetrics } from './metrics/serve-metrics.ts';
import { CHANNELS } from './store/sql-store.ts';
import { createUsedProofs } from './store/used-proofs.ts';

export { type ControlPlaneConfig, type ControlPlaneFlags, parseControlPlaneConfig } from './config.ts';

/** A running control plane. */
export interface ControlPlane {
  /** HOST:PORT for proxies. */
  readonly grpcAddress: string;
  /** https://HOST:PORT for people and tools. */
  readonly restUrl: string;
  /** What both are trusted by. */
  readonly caPem: string;
  readonly bootstrapTokenFile: string;
  /** `http://HOST:PORT/metrics`, when they are served. */
  readonly metricsUrl: string | undefined;
  close(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly clock?: Clock;
  /** Told of unforeseen errors; default: JSON lines on standard error, few for the same one. */
  readonly onError?: (error: unknown) => void;
  /** Told when the files of `tls` have changed, of the authority that clients must trust from now on, PEM. */
  readonly onTlsChange?: (caPem: string) => void;
}

const DEFAULT_SESSION_LIFETIME_MS = 900_000;
const DEFAULT_HEARTBEAT_MS = 5_000;
/** A proxy gives up after two that do not come. */
const UNREAD_HEARTBEATS = 6;
const SESSION_ISSUER = 'urn:sidekey:control-plane';
const DRAIN_MS = 2_000;

/** Starts everything that the configuration names; when a part fails to start, those before it are closed again. */
export async function startControlPlane(
  config: ControlPlaneConfig,
  options: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const metrics = new ControlPlaneMetrics();
  const tell =
    options.onError ??
    createErrorLog(
      (line) => void process.stderr.write(line),
      () => performance.now(),
    );
  const onError = (error: unknown): void => {
    metrics.failed();
    tell(error);
  };
  const closers = new Closers();
  try {
    return await start(config, { ...options, onError }, closers, metrics);
  } catch (error) {
    await closers.close(onError);
    throw error;
  }
}

async function openDataDir(folder: string): Promise<void> {
  try {
    makeFolder(folder, 0o700);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new UsageError('unusable-folder', `cannot keep data in ${folder}`, { cause });
  }
}

async function start(
  config: ControlPlaneConfig,
  { clock = systemClock, onError, onTlsChange }: ControlPlaneOptions & Required<Pick<ControlPlaneOptions, 'onError'>>,
  closers: Closers,
  metrics: ControlPlaneMetrics,
): Promise<ControlPlane> {
  await openDataDir(config.dataDir);
  const [tls, bootstrap] = await Promise.all([loadServerTls(config, clock.now()), openBootstrapToken(config.dataDir)]);
  const foundation = await openFoundation(config, clock, closers, onError, metrics);
  const files = new FollowedFiles(closers, onError);
  const jwks = new JwksCache({ fetcher: foundation.fetcher, onError });
  const restListen = await withPort(config.restListen);
  const issuer = new Issuer({
    url: config.publicUrl ?? `https://${formatAuthority(restListen.host, restListen.port)}`,
    keys: foundation.keys.issuer,
    clock,
  });
  const local = await openLocalTrust(config, clock, closers);
  const placeholders = new PlaceholderKeys(foundation.store, foundation.sealer);
  const evidence = createEvidenceVerifier({ jwks, local });
  const authorities = new TenantAuthorities(foundation);
  const forget = (tenant?: string): void => {
    placeholders.forget(tenant);
    authorities.forget(tenant);
  };
  // A database that another took the place of may have lost them, and another replica have made new ones.
  closers.add(await foundation.store.listen(CHANNELS.tenantGone, forget, forget));
  const service = createProxyService(config, foundation, { issuer, evidence, placeholders, authorities });
  const unreadMs = UNREAD_HEARTBEATS * (config.heartbeatMs ?? DEFAULT_HEARTBEAT_MS);
  const interceptors = [service.readAhead.interceptor];
  const grpc = await startGrpcServer(service.handlers(), interceptors, config.grpcListen, tls, unreadMs);
  closers.add(async () => {
    service.close();
    await grpc.close(DRAIN_MS);
  });
  const authenticate = createAdminAuthenticator({
    bootstrapToken: bootstrap.token,
    oidc: administratorsOf(config, files),
    jwks,
    clock,
  });
  const rest = await startRestServer(restDependencies(foundation, issuer, authenticate, placeholders), {
    ...restListen,
    tls: identityOf(tls),
  });
  closers.add(() => rest.close());
  const presented: Followed<ServerTls> = files.follow(
    'the certificate, its key or its authority',
    tls,
    () => renewServerTls(config, presented.held, clock.now()),
    (now) => {
      grpc.present(now);
      rest.present(identityOf(now));
      onTlsChange?.(now.caPem);
    },
  );
  const ofFiles = { certificateEnd: () => presented.held.notAfter, faultyFiles: () => files.faulty };
  const metricsUrl = await serveMetrics(config.metricsListen, foundation, service, ofFiles, closers);
  return {
    grpcAddress: grpc.address,
    restUrl: rest.url,
    caPem: tls.caPem,
    bootstrapTokenFile: bootstrap.file,
    metricsUrl,
    close: () => closers.close(onError),
  };
}

async function openLocalTrust(
  { localTrustSocket: path }: ControlPlaneConfig,
  clock: Clock,
  closers: Closers,
): Promise<LocalAuthority | undefined> {
  if (path === undefined) return undefined;
  const authority = createLocalAuthority(clock);
  const socket = await openLocalSocket({ path, authority });
  closers.add(() => socket.close());
  return authority;
}

function identityOf({ chainPem, keyPem }: ServerTls): TlsIdentity {
  return { certificatePem: chainPem, privateKeyPem: new Secret(keyPem) };
}

interface ProxyParts {
  readonly issuer: Issuer;
  readonly evidence: ReturnType<typeof createEvidenceVerifier>;
  readonly placeholders: PlaceholderKeys;
  readonly authorities: TenantAuthorities;
}

function createProxyService(
  config: ControlPlaneConfig,
  foundation: Foundation,
  { issuer, evidence, placeholders, authorities }: ProxyParts,
): ProxyService {
  const { clock, keys, metrics, onError, policies, records, resources, store } = foundation;
  const fetcher = meterTokenRequests(foundation.fetcher, metrics);
  const minter = meterMinter(createMinter({ issuer, fetcher, clock }), metrics);
  policies.onChange(({ tenant, revoked }) => {
    for (const { target, name } of revoked) {
      metrics.revoked(target);
      if (target === 'credential') minter.forget(tenant, name);
      if (target === 'tenant') minter.forget(tenant);
    }
  });
  const sessions = createSessionAuthority({
    keys: keys.session,
    clock,
    issuer: SESSION_ISSUER,
    sharedProofs: createUsedProofs(store),
  });
  return new ProxyService({
    clock,
    evidence,
    onError,
    policies,
    records,
    sessions,
    store,
    authorities,
    eventKeys: keys.event,
    gate: new SessionGate({ sessions, records, policies, nowMs: () => clock.now() }),
    heartbeatMs: config.heartbeatMs ?? DEFAULT_HEARTBEAT_MS,
    meter: metrics,
    minter,
    placeholders,
    openSecret: (policy, provider, field) => resources.openSecret(policy, provider, field),
    sessionLifetimeMs: config.sessionLifetimeMs ?? DEFAULT_SESSION_LIFETIME_MS,
  });
}

function restDependencies(
  { clock, keys, onError, records, resources, sealer, sealingKeyFile, store }: Foundation,
  issuer: Issuer,
  authenticate: RestDependencies['authenticate'],
  placeholders: PlaceholderKeys,
): RestDependencies {
  const revocations = new RevocationStore(store);
  const rotateSealing = createSealingRotation(store, sealer, sealingKeyFile);
  return {
    authenticate,
    clock,
    issuer,
    resources,
    revocations,
    sessions: records,
    decisions: {
      query: (tenant, filter, page) => queryDecisions(store, tenant, filter, page),
      follow: (tenant, filter, from, onEntries) => followDecisions(store, tenant, { filter, from, onEntries, onError }),
      verify: (tenant, instance) => verifyChains(store, tenant, instance),
      verifyCheckpoints: (tenant, kept) => verifyCheckpoints(store, keys.checkpoint, tenant, kept),
    },
    explain: createExplainer({ resources, revocations, clock }),
    placeholders: createPlaceholderReader({ resources, placeholders }),
    rotateKeys: async () => ({
      resealed: await rotateSealing(),
      rotated: await keys.rotate(),
    }),
    notReady: createDatabaseCheck(store),
    onError,
  };
}

/** The issuer's URL must be known before the API listens, so a free port is found first. */
async function withPort(listen: Authority): Promise<Authority> {
  if (listen.port !== 0) return listen;
  const probe = createServer().listen(0, listen.host);
  await once(probe, 'listening');
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return { host: listen.host, port: typeof address === 'object' && address !== null ? address.port : 0 };
}
