import { InjectionError } from '../injection-error.ts';

/** A request that cannot be signed, or may not be. Never holds a secret. */
export class SigningError extends InjectionError {
  constructor(reason: 'signature-refused' | 'credential-invalid' | 'bad-request', message: string) {
    super(reason, message);
  }
}
