import type { Logger } from 'pino';
import { ByteBudget } from '../common/byte-budget.ts';
import { systemClock } from '../common/clock.ts';
import { Roster } from '../common/roster.ts';
import type { PolicyClient, SessionState } from '../policy-client/index.ts';
import { ProxyMetrics } from './admin/metrics.ts';
import type { ProxyConfig } from './config.ts';
import { DpopNonces } from './credentials/signing/dpop-nonces.ts';
import { viaPseudonym } from './http/request/admission.ts';
import { RouteTable } from './http/request/route-table.ts';
import type { LiveExchange, ProxyServices } from './http/services.ts';
import type { CertificateAuthority } from './intercept/certificate-authority.ts';
import { createRenewingAuthority } from './intercept/renewing-authority.ts';
import { type AgentServices, AgentSessions } from './io/agent/agent-sessions.ts';
import { maxOpenFiles, openFiles } from './io/open-files.ts';
import { turnClock, turnMonotonicMs } from './io/turn.ts';
import type { AddressResolver } from './io/upstream/address-resolver.ts';
import { TrustedContexts } from './io/upstream/dial.ts';
import { UpstreamPool } from './io/upstream/upstream-pool.ts';
import { chainResolver } from './io/upstream/upstream-proxy/chained-resolver.ts';
import { parseUpstreamProxy } from './io/upstream/upstream-proxy/settings.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { TrustFiles } from './trust-files.ts';

/** What all connections of one proxy stand on. */
export interface Foundation {
  readonly services: AgentServices;
  readonly pool: UpstreamPool;
  readonly metrics: ProxyMetrics;
  readonly trust: TrustFiles;
  /** What signs for hosts towards agents; none until an issued one has arrived. */
  readonly authority: { current: CertificateAuthority | undefined };
}

/** Whoever connects decides how often the limit is met, and must not fill the log with it. */
const CROWD_LOG_MS = 60_000;

/** Makes it over this policy client; nothing listens or is dialled yet. */
export function createFoundation(
  config: Readonly<ProxyConfig>,
  client: PolicyClient,
  resolver: AddressResolver,
  log: Logger,
): Foundation {
  const limits = Object.freeze({ ...DEFAULT_LIMITS, ...config.limits });
  const held = new ByteBudget(limits.maxHeldBytes);
  const contexts = new TrustedContexts(config.upstreamCaPem ?? '');
  const before = config.upstreamProxy && parseUpstreamProxy(config.upstreamProxy.url, config.upstreamProxy.noProxy);
  const ways = before === undefined ? resolver : chainResolver(resolver, before, () => contexts.for(''));
  const pool = new UpstreamPool(ways, contexts, limits, turnMonotonicMs, held);
  const live = new Roster<LiveExchange>();
  const warn = crowdWarning(limits.maxConnections, log);
  const sessions = new AgentSessions(limits.maxConnections, () => {
    metrics.turnedAway();
    warn();
  });
  const trust = new TrustFiles(config, { controlPlane: client, upstreams: pool }, log);
  const metrics = new ProxyMetrics({
    client,
    faultyTrustFiles: () => trust.faulty,
    agentConnections: () => sessions.size,
    upstreamConnections: () => pool.size,
    liveCalls: () => live.size,
    openFiles,
    maxOpenFiles: () => maxOpenFiles() ?? 0,
  });
  const authority = { current: config.authority === 'local' ? createRenewingAuthority(systemClock) : undefined };
  const services: AgentServices = {
    client,
    routes: new RouteTable(),
    pool,
    limits,
    clock: turnClock,
    monotonicMs: turnMonotonicMs,
    held,
    dpopNonces: new DpopNonces(),
    via: viaPseudonym(client.instanceId),
    unrouted: config.unrouted,
    proxyToken: config.proxyToken,
    refusedPorts: new Set(config.refusedPorts),
    live,
    sessions,
    state: { draining: false, ready: false },
    authority: () => authority.current,
    ended: callRecorder(client, metrics, log),
  };
  return { services, pool, metrics, trust, authority };
}

function crowdWarning(maxConnections: number, log: Logger): () => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (turnMonotonicMs() - toldAt < CROWD_LOG_MS) return;
    toldAt = turnMonotonicMs();
    log.warn({ maxConnections }, 'agent connections beyond the limit are closed on arrival');
  };
}

function callRecorder(client: PolicyClient, metrics: ProxyMetrics, log: Logger): ProxyServices['ended'] {
  // A call denied because the session was revoked is still that session's call.
  let lastSession: SessionState | undefined;
  return (call, outcome, reason) => {
    metrics.callEnded(call, outcome, reason);
    if (call.fault !== undefined) log.error({ decision: call.id, ...call.fault }, 'a call failed within the proxy');
    lastSession = client.session() ?? lastSession;
    client.record(call.toRecord(outcome, reason, turnClock.now(), call.session ?? lastSession));
  };
}
