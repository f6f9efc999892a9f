import { randomUUID } from 'node:crypto';
import type {
  Answer,
  DecisionRecord,
  PolicyClient,
  Question,
  Revocation,
  Route,
  SessionState,
} from '../../policy-client/index.ts';
import type { Reason } from '../../proto/reasons.ts';
import { createSigningKey } from '../../common/signing-key.ts';

/** A PolicyClient in memory: a decision function instead of a control plane. For tests of the proxy alone. */
export class FakePolicyClient implements PolicyClient {
  readonly instanceId = randomUUID();
  readonly proxyKey = createSigningKey();
  readonly ready = Promise.resolve();
  readonly connected = true;
  readonly records: DecisionRecord[] = [];
  hasRoom = true;
  hasRoomBeside: PolicyClient['hasRoomBeside'] = () => this.hasRoom;
  decide: (question: Question) => Answer | Promise<Answer> = () => ({
    kind: 'denial',
    reason: 'no-policy',
    message: 'no policy',
    accessPolicy: undefined,
    fromCache: false,
  });
  #routes: Route[] = [];
  revokedFor: Reason | undefined;
  speaksFor: Partial<SessionState> & Pick<SessionState, 'user'> = { user: undefined };
  attestedAgain = 0;
  readonly #changed = new Set<() => void>();
  readonly #revoked = new Set<(revocation: Revocation) => void>();

  async start(): Promise<void> {
    for (const listener of this.#changed) listener();
  }

  session(): SessionState {
    return { id: 'session-1', workloads: ['agent'], claims: {}, notAfter: Number.MAX_SAFE_INTEGER, ...this.speaksFor };
  }

  attestAgain(): void {
    this.attestedAgain += 1;
  }

  revoked(): Reason | undefined {
    return this.revokedFor;
  }

  routes(): readonly Route[] {
    return this.#routes;
  }

  setRoutes(routes: Route[]): void {
    this.#routes = routes;
    for (const listener of this.#changed) listener();
  }

  revoke(revocation: Revocation): void {
    for (const listener of this.#revoked) listener(revocation);
  }

  onChange(listener: () => void): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  onRevocation(listener: (revocation: Revocation) => void): () => void {
    this.#revoked.add(listener);
    return () => this.#revoked.delete(listener);
  }

  onAuthority(): () => void {
    return () => {};
  }

  onConnection(): () => void {
    return () => {};
  }

  authorize(question: Question): Answer | Promise<Answer> {
    return this.decide(question);
  }

  trust(): void {}

  record(record: DecisionRecord): void {
    this.records.push(record);
  }

  stats(): ReturnType<PolicyClient['stats']> {
    return {
      connected: true,
      attestations: 1,
      attestationFailures: 0,
      reconnects: 0,
      policyVersion: 1,
      activeRevocations: 0,
      cachedAnswers: 0,
      cacheHits: 0,
      cacheMisses: 0,
      staleHits: 0,
      pendingQuestions: 0,
      questionsAsked: 0,
      questionTimeouts: 0,
      recordsQueued: 0,
      recordsDelivered: this.records.length,
      leftoversDelivered: 0,
      recordsLost: 0,
      recordRefusals: 0,
      recordGaps: 0,
      recordMemoryBytes: 0,
      spoolBytes: 0,
      spoolErrors: 0,
      lastFailure: undefined,
    };
  }

  async close(): Promise<void> {}
}
