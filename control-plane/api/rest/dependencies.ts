import type { ChainReport } from '../../audit/verify.ts';
import type { CheckpointReport } from '../../audit/verify-checkpoints.ts';
import type { DecisionEntry } from '../../audit/decision-entry.ts';
import type { DecisionFilter, DecisionPage } from '../../audit/query-decisions.ts';
import type { Explanation } from '../../policy/explain.ts';
import type { ListedPlaceholder } from '../../policy/placeholders.ts';
import type { ResourceStore } from '../../resources/resource-store.ts';
import type { Clock } from '../../../common/clock.ts';
import type { AdminAuthenticator } from './admin.ts';
import type { ExplainQuestion } from './explain.ts';
import type { RevocationStore } from '../../policy/revocation-store.ts';
import type { SessionRecords } from '../../attestation/session-records.ts';

/** Everything that the REST API calls; `main.ts` composes it. */
export interface RestDependencies {
  readonly authenticate: AdminAuthenticator;
  readonly resources: Pick<ResourceStore, 'apply' | 'delete' | 'list' | 'listTenants'>;
  readonly revocations: Pick<RevocationStore, 'revoke' | 'lift' | 'list'>;
  readonly sessions: Pick<SessionRecords, 'list'>;
  readonly decisions: DecisionReader;
  /** Decides without minting anything. Throws UsageError for a question that makes no sense. */
  explain(tenant: string, question: ExplainQuestion): Promise<Explanation>;
  /** What agents of this workload may hold in place of credentials. Throws UsageError for an unknown workload. */
  placeholders(tenant: string, workload: string): Promise<ListedPlaceholder[]>;
  /** Seals stored secrets under the current sealing key and puts new signing keys to work. */
  rotateKeys(): Promise<KeyRotationResult>;
  /** The tenants' own OpenID issuers. */
  readonly issuer: { discovery(tenant: string): object; jwks(): object };
  /** Why the control plane cannot serve, or undefined when it can. */
  notReady(): Promise<string | undefined>;
  readonly clock: Clock;
  /** Told of what is answered with 500 or more: a bug, or what cannot serve. Its text stays here. */
  onError(error: unknown): void;
}

export interface DecisionReader {
  query(tenant: string, filter: DecisionFilter, page: DecisionPage): Promise<DecisionEntry[]>;
  follow(
    tenant: string,
    filter: DecisionFilter,
    from: number | undefined,
    onEntries: (entries: readonly DecisionEntry[]) => void,
  ): Promise<() => Promise<void>>;
  verify(tenant: string, instance?: string): Promise<ChainReport[]>;
  /** `kept`: a checkpoint from outside that the log must contain. */
  verifyCheckpoints(tenant: string, kept?: string): Promise<CheckpointReport>;
}

export interface KeyRotationResult {
  /** Stored values that were sealed under an older key. */
  readonly resealed: number;
  /** Purposes whose signing keys were replaced. */
  readonly rotated: readonly string[];
}
