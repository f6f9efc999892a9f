import { SidekeyError } from '../../../common/errors.ts';

/** The bytes are no zstd (RFC 8878), or ask for more than a content coding may (RFC 9659). */
export class ZstdError extends SidekeyError {
  constructor(message: string) {
    super('zstd-invalid', message);
  }
}
