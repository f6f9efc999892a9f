import { SidekeyError } from '../common/errors.ts';
import type { Reason } from '../proto/reasons.ts';

/** Reasons for which this proxy refuses what policy allowed: the record calls that denied, and not failed. */
const DENIALS: ReadonlySet<Reason> = new Set<Reason>([
  'address-refused',
  'binding-mismatch',
  'cleartext-refused',
  'credential-invalid',
  'injection-refused',
  'loop-refused',
  'method-refused',
  'placeholder-refused',
  'signature-refused',
  'signed-body-too-large',
]);

/** A call that ends here, with the reason that the agent and the record are given. The message holds no secrets. */
export class Refusal extends SidekeyError {
  readonly reason: Reason;
  readonly accessPolicy: string;

  constructor(reason: Reason, message: string, options?: ErrorOptions & { accessPolicy?: string }) {
    super(reason, message, options);
    this.reason = reason;
    this.accessPolicy = options?.accessPolicy ?? '';
  }

  /** Whether a call that policy allowed is denied by it all the same. */
  get denies(): boolean {
    return DENIALS.has(this.reason);
  }
}

const WITHDRAWN: Partial<Record<Reason, string>> = {
  draining: 'the proxy shuts down',
  'session-expired': 'the session in which the call began has ended',
};

/** What a running call is told when access or the proxy goes away. */
export function withdrawn(reason: Reason): Refusal {
  return new Refusal(reason, WITHDRAWN[reason] ?? 'the access was revoked');
}

export function timedOut(isAnswered: boolean, isSent: boolean): Refusal {
  if (isAnswered) return new Refusal('upstream-timeout', 'the answer stopped');
  return new Refusal(isSent ? 'upstream-timeout' : 'body-timeout', 'the call took too long');
}
