import { SidekeyError } from '../../../common/errors.ts';
import type { Reason } from '../../../proto/reasons.ts';

/** A request that cannot be signed, or may not be. Never holds a secret. */
export class SigningError extends SidekeyError {
  readonly reason: Reason;

  constructor(reason: 'signature-refused' | 'credential-invalid' | 'bad-request', message: string) {
    super(reason, message);
    this.reason = reason;
  }
}
