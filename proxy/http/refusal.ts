import { SidekeyError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';

/** A call that ends here, with the reason that the agent and the record are given. The message holds no secrets. */
export class Refusal extends SidekeyError {
  readonly reason: Reason;
  readonly accessPolicy: string;

  constructor(reason: Reason, message: string, options?: ErrorOptions & { accessPolicy?: string }) {
    super(reason, message, options);
    this.reason = reason;
    this.accessPolicy = options?.accessPolicy ?? '';
  }
}
