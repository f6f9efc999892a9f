import { SidekeyError } from '../../../common/errors.ts';

/** The bytes are no DEFLATE data (RFC 1951). */
export class InflateError extends SidekeyError {
  constructor(message: string) {
    super('deflate-invalid', message);
  }
}
