import { randomUUID, type KeyObject } from 'node:crypto';
import { systemClock } from '../common/clock.ts';
import { SidekeyError, UsageError } from '../common/errors.ts';
import type { Reason } from '../proto/reasons.ts';
import type { DecisionRecord } from '../proto/gen/sidekey/v1/decision.ts';
import type { Revocation } from '../proto/gen/sidekey/v1/grant.ts';
import type { CertificateAuthority, Snapshot } from '../proto/gen/sidekey/v1/proxy.ts';
import type { Route } from '../proto/gen/sidekey/v1/route.ts';
import { createAttestor } from './attest/attestor.ts';
import { Authorizer } from './authorize/authorizer.ts';
import { AuthorizerLink } from './authorize/authorizer-link.ts';
import { gatherStats } from './client-stats.ts';
import { Backoff } from './backoff.ts';
import { Connection } from './connection.ts';
import { DecisionReporting, spoolOf } from './records/decision-reporting.ts';
import { GrantCache } from './authorize/grant-cache.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { Listeners } from './listeners.ts';
import { PolicyState } from './watch/policy-state.ts';
import { ProofMaker } from './attest/proof.ts';
import { RevocationSet, revocationReason, standingOfSession } from './watch/revocation-set.ts';
import { SessionKeeper } from './attest/session-keeper.ts';
import type { Session } from './attest/session.ts';
import type {
  Answer,
  PolicyClient,
  PolicyClientLimits,
  PolicyClientLog,
  PolicyClientOptions,
  PolicyClientStats,
  Question,
  SessionState,
  Unsubscribe,
} from './types.ts';
import { StillnessWatch } from './watch/stillness.ts';
import { Watcher } from './watch/watcher.ts';

const SILENT_LOG: PolicyClientLog = { info: () => {}, warn: () => {}, error: () => {} };

/** A client that is not connected yet; call `start()`. */
export function createPolicyClient(options: PolicyClientOptions): PolicyClient {
  return new LinkedPolicyClient(options);
}

class LinkedPolicyClient implements PolicyClient {
  readonly instanceId = randomUUID();
  readonly ready: Promise<void>;
  readonly #tenant: string;
  readonly #proofs = new ProofMaker();
  readonly #connection: Connection;
  readonly #cache: GrantCache;
  readonly #revocations: RevocationSet;
  readonly #authorizer: Authorizer;
  readonly #authorizerLink: AuthorizerLink;
  readonly #sessions: SessionKeeper;
  readonly #watcher: Watcher;
  readonly #decisions: DecisionReporting;
  readonly #sessionBackoff: Backoff;
  readonly #policy: PolicyState;
  readonly #connectionChanged: Listeners<boolean>;
  readonly #stillness: StillnessWatch;
  #resolveReady: () => void = () => {};
  #rejectReady: (error: Error) => void = () => {};
  /** The session whose events arrive; a renewed one takes over with its first snapshot. */
  #active: Session | undefined;
  #connected = false;
  #lastFailure: Reason | undefined;
  #state: 'new' | 'started' | 'closed' = 'new';

  constructor(options: PolicyClientOptions) {
    this.#tenant = options.tenant;
    const limits: PolicyClientLimits = { ...DEFAULT_LIMITS, ...options.limits };
    const log = options.log ?? SILENT_LOG;
    const clock = options.clock ?? systemClock;
    const nowMs = () => clock.now();
    // A held clock holds both; else leases also run on a clock that nobody can set back.
    const monotonicMs = options.clock === undefined ? () => performance.now() : nowMs;
    const newBackoff = () => new Backoff(limits.minBackoffMs, limits.maxBackoffMs);
    const onSessionRefused = (session: Session, reason: Reason) => this.#sessions.invalidate(session, reason);
    this.#connectionChanged = new Listeners(log);
    this.#connection = new Connection(options);
    this.#cache = new GrantCache(limits.maxCachedAnswers);
    this.#revocations = new RevocationSet(limits.maxRevocations);
    this.#policy = new PolicyState({ tenant: options.tenant, cache: this.#cache, revocations: this.#revocations, log });
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {});
    const { instanceId } = this;
    const { attestTimeoutMs: timeoutMs } = limits;
    const parts = { connection: this.#connection, proofs: this.#proofs };
    const isHeard = () => this.#connected;
    const attestAs = createAttestor({ ...parts, options, ownId: instanceId, timeoutMs, isHeard });
    const shared = { ...parts, nowMs, monotonicMs, log, newBackoff };
    this.#sessionBackoff = newBackoff();
    const onResumed = (stillMs: number) => this.#onResumed(stillMs, log);
    this.#stillness = new StillnessWatch({ maxStillMs: limits.maxStillMs, nowMs, monotonicMs, onResumed });
    this.#sessions = new SessionKeeper({
      attest: () => attestAs(instanceId),
      nowMs,
      backoff: this.#sessionBackoff,
      log,
      onSession: (session) => this.#onSession(session),
      onLost: (reason) => this.#onSessionLost(reason),
      onFailure: (reason) => {
        this.#lastFailure = reason;
      },
    });
    this.#watcher = new Watcher({
      ...shared,
      backoff: newBackoff(),
      heartbeatTimeoutMs: limits.heartbeatTimeoutMs,
      knownVersion: () => this.#policy.version,
      onSnapshot: (session, snapshot) => this.#onSnapshot(session, snapshot),
      onRevocation: (revocation) => this.#onRevocation(revocation),
      onDown: (reason) => this.#onDown(reason),
      onSessionRefused,
    });
    this.#authorizer = new Authorizer({
      tenant: options.tenant,
      cache: this.#cache,
      revocations: this.#revocations,
      limits,
      nowMs,
      monotonicMs,
      policy: () => this.#policy.policy,
      routeVersions: this.#policy.routeVersions,
      downReason: () => this.#lastFailure ?? (this.#policy.version === 0 ? 'not-ready' : 'control-plane-unavailable'),
    });
    const asking = { authorizer: this.#authorizer, backoff: newBackoff(), onSessionRefused };
    this.#authorizerLink = new AuthorizerLink({ ...shared, ...asking });
    this.#decisions = new DecisionReporting({
      ...shared,
      instanceId,
      spoolDir: spoolOf(options),
      limits,
      attestAs,
      onSessionRefused,
    });
  }

  get proxyKey(): KeyObject {
    return this.#proofs.privateKey;
  }

  get connected(): boolean {
    return this.#connected;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new UsageError('already-started', 'the policy client was started before');
    this.#state = 'started';
    this.#decisions.openSpoolDir();
    this.#sessions.start();
    this.#stillness.start();
    this.ready.then(
      () => this.#decisions.takeOverLeftovers(),
      () => {},
    );
  }

  session(): SessionState | undefined {
    return this.#active?.state;
  }

  revoked(): Reason | undefined {
    const session = this.#active?.state;
    if (session !== undefined) return this.#revocations.find(standingOfSession(session, this.#tenant));
    return this.#lastFailure?.endsWith('-revoked') === true ? this.#lastFailure : undefined;
  }

  routes(): readonly Route[] {
    return this.#policy.routes;
  }

  onChange(listener: () => void): Unsubscribe {
    return this.#policy.changed.add(listener);
  }

  onRevocation(listener: (revocation: Revocation) => void): Unsubscribe {
    return this.#policy.revoked.add(listener);
  }

  onAuthority(listener: (authority: CertificateAuthority) => void): Unsubscribe {
    return this.#policy.authorityIssued.add(listener);
  }

  onConnection(listener: (connected: boolean) => void): Unsubscribe {
    return this.#connectionChanged.add(listener);
  }

  authorize(question: Question): Answer | Promise<Answer> {
    return this.#authorizer.authorize(question);
  }

  trust(caPem: string): void {
    this.#connection.trust(caPem);
  }

  hasRoomBeside(calls: number): boolean {
    return this.#decisions.hasRoomBeside(calls);
  }

  record(record: DecisionRecord): void {
    this.#decisions.record(record);
  }

  stats(): PolicyClientStats {
    const parts = {
      authorizer: this.#authorizer,
      cache: this.#cache,
      decisions: this.#decisions,
      policy: this.#policy,
      revocations: this.#revocations,
      sessions: this.#sessions,
      watcher: this.#watcher,
    };
    return gatherStats(parts, this.#connected, this.#lastFailure);
  }

  async close(deadlineMs: number): Promise<void> {
    if (this.#state === 'closed') return this.#decisions.close(deadlineMs);
    this.#state = 'closed';
    this.#rejectReady(new SidekeyError('closed', 'the policy client was closed before it was ready'));
    this.#authorizer.close();
    this.#stillness.stop();
    await this.#decisions.close(deadlineMs);
    this.#authorizerLink.setSession(undefined);
    this.#watcher.setSession(undefined);
    this.#setConnected(false);
    this.#sessions.close();
    this.#connection.reset();
  }

  #onSession(session: Session): void {
    if (this.#state === 'closed') return;
    if (session.authority !== undefined) this.#policy.authorityIssued.tell(session.authority);
    this.#watcher.setSession(session);
  }

  #onSessionLost(reason: Reason): void {
    this.#active = undefined;
    this.#watcher.setSession(undefined);
    // Before the link is down: its grants must not serve, as stale ones, what waits.
    this.#authorizer.setSession(undefined);
    this.#onDown(reason);
  }

  #onDown(reason: Reason): void {
    this.#lastFailure = reason;
    this.#setConnected(false);
    // Calls on a connection that hangs would never end by themselves.
    this.#authorizerLink.setSession(undefined);
    this.#decisions.down(reason);
  }

  #onSnapshot(session: Session, snapshot: Snapshot): void {
    if (this.#state === 'closed') return;
    this.#lastFailure = undefined;
    this.#sessionBackoff.reset();
    this.#policy.takeSnapshot(snapshot);
    this.#active = session;
    this.#authorizer.setSession(session.state);
    this.#authorizerLink.setSession(session);
    this.#decisions.setSession(session);
    this.#setConnected(true);
    this.#authorizer.policyChanged();
    this.#resolveReady();
    this.#policy.changed.tell(undefined);
  }

  #onRevocation(revocation: Revocation): void {
    this.#policy.takeRevocation(revocation);
    const session = this.#active;
    if (session === undefined || revocation.lifted || revocation.name !== session.state.id) return;
    const reason = revocationReason(revocation.target);
    if (reason === 'session-revoked') this.#sessions.invalidate(session, reason);
  }

  /** Whoever runs now must show anew who it is: an image may have been restored elsewhere, or twice (attack A-68). */
  #onResumed(stillMs: number, log: PolicyClientLog): void {
    const { session } = this.#sessions;
    log.warn(
      { stillMs, session: session?.state.id },
      'this process stood still, or its clock was set ahead: attesting again',
    );
    if (session !== undefined) this.#sessions.invalidate(session, 'session-invalid');
    // The network may have forgotten it meanwhile.
    this.#connection.reset();
  }

  #setConnected(connected: boolean): void {
    this.#authorizer.setConnected(connected);
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#connectionChanged.tell(connected);
  }
}
