import { REASONS, reasonFromNumber, type Reason } from '../proto/reasons.ts';
import type { DenialAnswer } from './types.ts';

/** A denial, with the reason's own sentence unless there is a better one. */
export function denial(reason: Reason, message = '', accessPolicy = ''): DenialAnswer {
  return {
    kind: 'denial',
    reason,
    message: message === '' ? REASONS[reason].summary : message,
    accessPolicy: accessPolicy === '' ? undefined : accessPolicy,
    fromCache: false,
  };
}

/** Reason of a denial from the wire; one that reads as an allowance is a contract breach, not a permission. */
export function denialReason(number: number): Reason {
  const reason = reasonFromNumber(number);
  return reason === 'ok' ? 'internal-error' : reason;
}

/** Reasons to be without a session that may pass within moments; any other refusal stands until somebody acts. */
const PASSING: ReadonlySet<Reason> = new Set<Reason>([
  'control-plane-unavailable',
  'draining',
  'evidence-keys-unavailable',
  'internal-error',
  'not-ready',
  'overloaded',
  'proof-replayed',
  'session-expired',
  'session-invalid',
  'session-revoked',
  'trust-withdrawn',
]);

/** True when it is worth a caller's while to wait for the link. */
export function mayPass(reason: Reason): boolean {
  return PASSING.has(reason);
}

/** The control plane says itself that nobody decided: not in time, or as its database is away. */
export function isUndecided(reason: Reason): boolean {
  return reason === 'authorize-timeout' || reason === 'control-plane-unavailable';
}
