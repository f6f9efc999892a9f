import { ByteBudget } from '../common/byte-budget.ts';
import { systemClock } from '../common/clock.ts';
import { DpopNonces } from './credentials/signing/dpop-nonces.ts';
import { describeError } from '../common/errors.ts';
import { type Authority, parseAuthority } from '../common/net/host.ts';
import { Roster } from '../common/roster.ts';
import type { PolicyClient, SessionState } from '../policy-client/index.ts';
import { startAdminServer } from './admin/admin-server.ts';
import { AuthorityFile } from './authority-file.ts';
import type { Logger } from 'pino';
import { ProxyMetrics } from './admin/metrics.ts';
import type { ProxyConfig } from './config.ts';
import { viaPseudonym } from './http/request/admission.ts';
import type { Call } from './http/call.ts';
import { cutRevoked } from './http/revocation.ts';
import { RouteTable } from './http/request/route-table.ts';
import type { LiveExchange } from './http/services.ts';
import { createIssuedAuthority, type CertificateAuthority } from './intercept/certificate-authority.ts';
import { createRenewingAuthority } from './intercept/renewing-authority.ts';
import { type AddressResolver, createResolver } from './io/upstream/address-resolver.ts';
import { TrustedContexts } from './io/upstream/dial.ts';
import { type AgentServices, AgentSessions } from './io/agent/agent-sessions.ts';
import { startListeners } from './io/agent/listeners.ts';
import { SelfTest } from './io/agent/self-test.ts';
import { maxOpenFiles, openFiles } from './io/open-files.ts';
import { startSweeper } from './io/sweeper.ts';
import { chainResolver } from './io/upstream/upstream-proxy/chained-resolver.ts';
import { parseUpstreamProxy } from './io/upstream/upstream-proxy/settings.ts';
import { UpstreamPool } from './io/upstream/upstream-pool.ts';
import { TrustFiles } from './trust-files.ts';
import { DEFAULT_LIMITS } from './limits.ts';

/** A running proxy. */
export interface Proxy {
  readonly address: Authority;
  /** Of the local listeners, in the order of the configuration; undefined for a unix socket. */
  readonly localAddresses: readonly (Authority | undefined)[];
  /** `host:port` or socket path; undefined without an admin listener. */
  readonly adminAddress: string | undefined;
  /** What agents trust, one root or two while one follows the other; undefined until an issued authority has arrived. */
  readonly caPem: string | undefined;
  /** The first policy snapshot has arrived. Rejects when the proxy is closed before. */
  readonly ready: Promise<void>;
  readonly client: PolicyClient;
  /** Stops taking calls, lets running ones end until the deadline, delivers records, and closes. */
  close(deadlineMs: number): Promise<void>;
}

/** So long records have to be delivered, however short the time is for all else: those of calls that were cut came just now. */
const RECORDS_MS = 1_000;

/** Whoever connects decides how often the limit is met, and must not fill the log with it. */
const CROWD_LOG_MS = 60_000;

const monotonicMs = (): number => performance.now();

/** Starts a proxy over this policy client: it listens at once and answers `not-ready` until the first policy snapshot. */
export async function composeProxy(
  config: Readonly<ProxyConfig>,
  client: PolicyClient,
  log: Logger,
  resolver: AddressResolver = createResolver(),
): Promise<Proxy> {
  const limits = Object.freeze({ ...DEFAULT_LIMITS, ...config.limits });
  const held = new ByteBudget(limits.maxHeldBytes);
  const contexts = new TrustedContexts(config.upstreamCaPem ?? '');
  const before = config.upstreamProxy && parseUpstreamProxy(config.upstreamProxy.url, config.upstreamProxy.noProxy);
  const ways = before === undefined ? resolver : chainResolver(resolver, before, () => contexts.for(''));
  const pool = new UpstreamPool(ways, contexts, limits, monotonicMs, held);
  const routes = new RouteTable();
  const live = new Roster<LiveExchange>();
  // A call denied because the session was revoked is still that session's call.
  let lastSession: SessionState | undefined;
  const state = { draining: false, ready: false };
  let toldAt = Number.NEGATIVE_INFINITY;
  const sessions = new AgentSessions(limits.maxConnections, () => {
    metrics.turnedAway();
    if (monotonicMs() - toldAt < CROWD_LOG_MS) return;
    toldAt = monotonicMs();
    log.warn({ maxConnections: limits.maxConnections }, 'agent connections beyond the limit are closed on arrival');
  });
  let authority: CertificateAuthority | undefined =
    config.authority === 'local' ? createRenewingAuthority(systemClock) : undefined;
  const metrics = new ProxyMetrics({
    client,
    faultyTrustFiles: () => trust.faulty,
    agentConnections: () => sessions.size,
    upstreamConnections: () => pool.size,
    liveCalls: () => live.size,
    openFiles,
    maxOpenFiles: () => maxOpenFiles() ?? 0,
  });
  const services: AgentServices = {
    client,
    routes,
    pool,
    limits,
    clock: systemClock,
    monotonicMs,
    held,
    dpopNonces: new DpopNonces(),
    via: viaPseudonym(client.instanceId),
    unrouted: config.unrouted,
    proxyToken: config.proxyToken,
    refusedPorts: new Set(config.refusedPorts),
    live,
    sessions,
    state,
    authority: () => authority,
    ended: (call: Call, outcome, reason) => {
      metrics.callEnded(call, outcome, reason);
      if (call.fault !== undefined) log.error({ decision: call.id, ...call.fault }, 'a call failed within the proxy');
      lastSession = client.session() ?? lastSession;
      client.record(call.toRecord(outcome, reason, Date.now(), lastSession));
    },
  };
  const selfTest = config.selfTest === true ? new SelfTest(process.getuid?.() ?? -1, log) : undefined;
  const listeners = await startListeners(services, config, selfTest?.watch);
  const { explicit, transparent, local } = listeners;
  resolver.refuse([explicit, ...transparent, ...local.filter((at) => at !== undefined)]);
  resolver.refuse(controlPlaneAddress(config.controlPlane.address));
  const trust = new TrustFiles(config, { controlPlane: client, upstreams: pool }, log);
  const file =
    config.caFile === undefined ? undefined : new AuthorityFile(config.caFile, () => authority?.rootPem, log);
  client.onAuthority((issued) => {
    try {
      authority = createIssuedAuthority(client.proxyKey, issued.chain, issued.permittedHosts);
    } catch (error) {
      log.error({ error: describeError(error) }, 'issued certificate authority refused');
    }
    file?.follow();
  });
  client.onChange(() => {
    routes.replace(client.routes());
    state.ready = true;
    pool.closeIdle();
    for (const exchange of live) exchange.reauthorize();
  });
  client.onRevocation((revocation) => cutRevoked(live, revocation, config.controlPlane.tenant, client.session()));
  const sweeper = startSweeper(services, sessions, live, pool);
  let admin: Awaited<ReturnType<typeof startAdminServer>> | undefined;
  const close = async (deadlineMs: number): Promise<void> => {
    const endsAt = monotonicMs() + deadlineMs;
    state.draining = true;
    await listeners.drain(deadlineMs, () => {
      for (const exchange of live) exchange.cut('draining');
    });
    sweeper.stop();
    trust.stop();
    file?.stop();
    await client.close(Math.max(RECORDS_MS, endsAt - monotonicMs()));
    pool.destroy();
    await admin?.close();
  };
  try {
    file?.write();
    if (config.admin !== undefined) {
      admin = await startAdminServer(config.admin, metrics, () => whyNotReady(services, selfTest));
      if ('host' in config.admin) resolver.refuse([parseAuthority(admin.address, 80)]);
    }
    selfTest?.start();
    await client.start();
  } catch (error) {
    await close(0);
    throw error;
  }
  log.info({ ...explicit, transparent, local: local.length }, 'proxy listening');
  client.ready.catch(() => {});
  return {
    address: explicit,
    localAddresses: local,
    adminAddress: admin?.address,
    get caPem() {
      return authority?.rootPem;
    },
    ready: client.ready,
    client,
    close: async (deadlineMs) => {
      await close(deadlineMs);
      log.info({}, 'proxy stopped');
    },
  };
}

function controlPlaneAddress(address: string): Authority[] {
  try {
    return [parseAuthority(address, 443)];
  } catch {
    return [];
  }
}

/** Undefined when it is ready. */
function whyNotReady({ state, client, authority }: AgentServices, selfTest: SelfTest | undefined): string | undefined {
  if (state.draining) return 'draining';
  if (!state.ready) {
    const { lastFailure } = client.stats();
    return `waiting for the first policy snapshot${lastFailure === undefined ? '' : `: ${lastFailure}`}`;
  }
  if (authority() === undefined) return 'waiting for a certificate authority';
  const unproven = selfTest?.unproven();
  return unproven === undefined ? undefined : `self-test: ${unproven}`;
}
