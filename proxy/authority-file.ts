import type { Logger } from 'pino';
import { describeError, UsageError } from '../common/errors.ts';
import { replaceFile } from '../common/replace-file.ts';

/** How soon the file follows a renewal, which leaves days for it. */
const LOOK_MS = 600_000;

/** The file in which agents find whom to trust (PEM). Keys are never written. */
export class AuthorityFile {
  readonly #path: string;
  readonly #rootPem: () => string | undefined;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #written = '';

  constructor(path: string, rootPem: () => string | undefined, log: Logger) {
    this.#path = path;
    this.#rootPem = rootPem;
    this.#log = log;
    this.#timer = setInterval(() => this.follow(), LOOK_MS).unref();
  }

  /** Writes the roots, if there are others than it holds. @throws UsageError */
  write(): void {
    const pem = this.#rootPem() ?? '';
    if (pem === this.#written) return;
    try {
      replaceFile(this.#path, pem, 0o644);
    } catch (cause) {
      throw new UsageError('unwritable-file', `--ca-file: cannot write ${this.#path}`, { cause });
    }
    this.#written = pem;
  }

  /** The same once the proxy runs: what fails is tried again at the next look. */
  follow(): void {
    try {
      this.write();
    } catch (error) {
      this.#log.error({ error: describeError(error) }, 'the certificate authority file cannot be written');
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
