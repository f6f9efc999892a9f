import type { PolicyClientLimits } from './types.ts';

export const DEFAULT_LIMITS: PolicyClientLimits = {
  maxCachedAnswers: 10_000,
  maxPendingQuestions: 5_000,
  authorizeTimeoutMs: 5_000,
  reconnectGraceMs: 1_000,
  attestTimeoutMs: 10_000,
  heartbeatTimeoutMs: 15_000,
  minBackoffMs: 100,
  maxBackoffMs: 10_000,
  maxRevocations: 10_000,
  maxRecordMemoryBytes: 8 * 1024 * 1024,
  recordFlushMs: 100,
  maxSpoolBytes: 256 * 1024 * 1024,
  spoolAfterMs: 1_000,
  leftoverAgeMs: 60_000,
  maxStillMs: 15_000,
};
