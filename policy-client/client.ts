import { randomUUID, type KeyObject } from 'node:crypto';
import { SidekeyError, UsageError } from '../common/errors.ts';
import type { Reason } from '../proto/reasons.ts';
import type { DecisionRecord } from '../proto/gen/sidekey/v1/decision.ts';
import type { Revocation } from '../proto/gen/sidekey/v1/grant.ts';
import type { CertificateAuthority, Snapshot } from '../proto/gen/sidekey/v1/proxy.ts';
import type { Route } from '../proto/gen/sidekey/v1/route.ts';
import { type ClientParts, createParts } from './client-parts.ts';
import { gatherStats } from './client-stats.ts';
import { Listeners } from './listeners.ts';
import { revocationReason, standingOfSession } from './watch/revocation-set.ts';
import type { Session } from './attest/session.ts';
import type {
  Answer,
  PolicyClient,
  PolicyClientLog,
  PolicyClientOptions,
  PolicyClientStats,
  Question,
  SessionState,
  Unsubscribe,
} from './types.ts';

const SILENT_LOG: PolicyClientLog = { info: () => {}, warn: () => {}, error: () => {} };

/** A client that is not connected yet; call `start()`. */
export function createPolicyClient(options: PolicyClientOptions): PolicyClient {
  return new LinkedPolicyClient(options);
}

class LinkedPolicyClient implements PolicyClient {
  readonly instanceId = randomUUID();
  readonly ready: Promise<void>;
  readonly #tenant: string;
  readonly #log: PolicyClientLog;
  readonly #parts: ClientParts;
  readonly #connectionChanged: Listeners<boolean>;
  #resolveReady: () => void = () => {};
  #rejectReady: (error: Error) => void = () => {};
  /** The session whose events arrive; a renewed one takes over with its first snapshot. */
  #active: Session | undefined;
  #connected = false;
  #lastFailure: Reason | undefined;
  #state: 'new' | 'started' | 'closed' = 'new';

  constructor(options: PolicyClientOptions) {
    const log = options.log ?? SILENT_LOG;
    this.#tenant = options.tenant;
    this.#log = log;
    this.#connectionChanged = new Listeners(log);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {});
    this.#parts = createParts({ ...options, log }, this.instanceId, {
      onSession: (session) => this.#onSession(session),
      onSessionLost: (reason) => this.#onSessionLost(reason),
      onAttestFailed: (reason) => {
        this.#lastFailure = reason;
      },
      onSnapshot: (session, snapshot) => this.#onSnapshot(session, snapshot),
      onRevocation: (revocation) => this.#onRevocation(revocation),
      onDown: (reason) => this.#onDown(reason),
      onResumed: (stillMs) => this.#onResumed(stillMs),
      isHeard: () => this.#connected,
      lastFailure: () => this.#lastFailure,
    });
  }

  get proxyKey(): KeyObject {
    return this.#parts.proofs.privateKey;
  }

  get connected(): boolean {
    return this.#connected;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new UsageError('already-started', 'the policy client was started before');
    this.#state = 'started';
    this.#parts.decisions.openSpoolDir();
    this.#parts.sessions.start();
    this.#parts.stillness.start();
    this.ready.then(
      () => this.#parts.decisions.takeOverLeftovers(),
      () => {},
    );
  }

  session(): SessionState | undefined {
    return this.#active?.state;
  }

  attestAgain(): void {
    this.#parts.sessions.startOver('session-expired');
  }

  revoked(): Reason | undefined {
    const session = this.#active?.state;
    if (session !== undefined) return this.#parts.revocations.find(standingOfSession(session, this.#tenant));
    return this.#lastFailure?.endsWith('-revoked') === true ? this.#lastFailure : undefined;
  }

  routes(): readonly Route[] {
    return this.#parts.policy.routes;
  }

  onChange(listener: () => void): Unsubscribe {
    return this.#parts.policy.changed.add(listener);
  }

  onRevocation(listener: (revocation: Revocation) => void): Unsubscribe {
    return this.#parts.policy.revoked.add(listener);
  }

  onAuthority(listener: (authority: CertificateAuthority) => void): Unsubscribe {
    return this.#parts.policy.authorityIssued.add(listener);
  }

  onConnection(listener: (connected: boolean) => void): Unsubscribe {
    return this.#connectionChanged.add(listener);
  }

  authorize(question: Question): Answer | Promise<Answer> {
    return this.#parts.authorizer.authorize(question);
  }

  trust(caPem: string): void {
    this.#parts.connection.trust(caPem);
  }

  hasRoomBeside(calls: number): boolean {
    return this.#parts.decisions.hasRoomBeside(calls);
  }

  record(record: DecisionRecord): void {
    this.#parts.decisions.record(record);
  }

  stats(): PolicyClientStats {
    return gatherStats(this.#parts, this.#connected, this.#lastFailure);
  }

  async close(deadlineMs: number): Promise<void> {
    const { authorizer, authorizerLink, connection, decisions, sessions, stillness, watcher } = this.#parts;
    if (this.#state === 'closed') return decisions.close(deadlineMs);
    this.#state = 'closed';
    this.#rejectReady(new SidekeyError('closed', 'the policy client was closed before it was ready'));
    authorizer.close();
    stillness.stop();
    await decisions.close(deadlineMs);
    authorizerLink.setSession(undefined);
    watcher.setSession(undefined);
    this.#setConnected(false);
    sessions.close();
    connection.reset();
  }

  #onSession(session: Session): void {
    if (this.#state === 'closed') return;
    if (session.authority !== undefined) this.#parts.policy.authorityIssued.tell(session.authority);
    this.#parts.watcher.setSession(session);
  }

  #onSessionLost(reason: Reason): void {
    this.#active = undefined;
    this.#parts.watcher.setSession(undefined);
    // Before the link is down: its grants must not serve, as stale ones, what waits.
    this.#parts.authorizer.setSession(undefined);
    this.#onDown(reason);
  }

  #onDown(reason: Reason): void {
    this.#lastFailure = reason;
    this.#setConnected(false);
    // Calls on a connection that hangs would never end by themselves.
    this.#parts.authorizerLink.setSession(undefined);
    this.#parts.decisions.down(reason);
  }

  #onSnapshot(session: Session, snapshot: Snapshot): void {
    const { authorizer, authorizerLink, decisions, policy, sessionBackoff } = this.#parts;
    if (this.#state === 'closed') return;
    this.#lastFailure = undefined;
    sessionBackoff.reset();
    policy.takeSnapshot(snapshot);
    this.#active = session;
    authorizer.setSession(session.state);
    authorizerLink.setSession(session);
    decisions.setSession(session);
    this.#setConnected(true);
    authorizer.policyChanged();
    this.#resolveReady();
    policy.changed.tell(undefined);
  }

  #onRevocation(revocation: Revocation): void {
    this.#parts.policy.takeRevocation(revocation);
    const session = this.#active;
    if (session === undefined || revocation.lifted || revocation.name !== session.state.id) return;
    const reason = revocationReason(revocation.target);
    if (reason === 'session-revoked') this.#parts.sessions.invalidate(session, reason);
  }

  /** Whoever runs now must show anew who it is: an image may have been restored elsewhere, or twice (attack A-68). */
  #onResumed(stillMs: number): void {
    const { session } = this.#parts.sessions;
    this.#log.warn(
      { stillMs, session: session?.state.id },
      'this process stood still, or its clock was set ahead: attesting again',
    );
    if (session !== undefined) this.#parts.sessions.invalidate(session, 'session-invalid');
    // The network may have forgotten it meanwhile.
    this.#parts.connection.reset();
  }

  #setConnected(connected: boolean): void {
    this.#parts.authorizer.setConnected(connected);
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#connectionChanged.tell(connected);
  }
}
