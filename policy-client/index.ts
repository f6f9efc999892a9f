/** Keeps a proxy's session with its control plane: routes, decisions, revocations and decision records. */
export { createPolicyClient } from './client.ts';
export { mayPass } from './denial.ts';
export { DEFAULT_LIMITS } from './limits.ts';
export type {
  Answer,
  DenialAnswer,
  GrantAnswer,
  PolicyClient,
  PolicyClientLimits,
  PolicyClientLog,
  PolicyClientOptions,
  PolicyClientStats,
  Question,
  SessionState,
  Unsubscribe,
} from './types.ts';
export { DecisionRecord, Outcome } from '../proto/gen/sidekey/v1/decision.ts';
export type { Grant, Revocation } from '../proto/gen/sidekey/v1/grant.ts';
export { EvidenceSubject } from '../proto/gen/sidekey/v1/proxy.ts';
export type { CertificateAuthority, Evidence } from '../proto/gen/sidekey/v1/proxy.ts';
export { REASONS, type Reason } from '../proto/reasons.ts';
export type { Destination, Header, Route } from '../proto/gen/sidekey/v1/route.ts';
