import { SidekeyError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';

type InjectionReason =
  | 'binding-mismatch'
  | 'credential-invalid'
  | 'cleartext-refused'
  | 'injection-refused'
  | 'method-refused'
  | 'placeholder-refused'
  | 'signature-refused'
  | 'bad-request';

/** The grant does not fit this call, its credential not its place, or the request not the credential. Never holds the credential. */
export class InjectionError extends SidekeyError {
  readonly reason: Reason;

  constructor(reason: InjectionReason, message: string) {
    super(reason, message);
    this.reason = reason;
  }
}

/** What is wrong with the credential itself, or the place that it has. */
export function invalid(detail: string): InjectionError {
  return new InjectionError('credential-invalid', `the credential cannot be injected: ${detail}`);
}

export function refused(detail: string): InjectionError {
  return new InjectionError('injection-refused', `the credential has no place in this request: ${detail}`);
}

export function unsignable(detail: string): InjectionError {
  return new InjectionError('signature-refused', `the request cannot be signed: ${detail}`);
}
