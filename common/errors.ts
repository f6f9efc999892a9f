/** Tells these errors by more than their class: the proxy's bundle has classes of its own, unknown to the CLI's `instanceof`. */
const KIND = Symbol.for('sidekey.error-kind');

/** An error with a stable code. Text that came from outside never goes into `code`. */
export class SidekeyError extends Error {
  readonly code: string;

  get [KIND](): 'failure' | 'usage' {
    return 'failure';
  }

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Configuration or input given by a person is wrong; the message says where and what to do. */
export class UsageError extends SidekeyError {
  override get [KIND](): 'usage' {
    return 'usage';
  }
}

/** Of whichever bundle. */
export function isSidekeyError(error: unknown): error is SidekeyError {
  return error instanceof Error && KIND in error;
}

/** Of whichever bundle. */
export function isUsageError(error: unknown): error is UsageError {
  return isSidekeyError(error) && error[KIND] === 'usage';
}

/** An address or a socket cannot be listened on; `where` is what was asked for. */
export function listenFailed(where: string, cause: unknown): UsageError {
  return new UsageError('listen-failed', `cannot listen on ${where}`, { cause });
}

/** Any thrown value as one line of text, causes included, without stacks. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 5; at = at instanceof Error ? at.cause : undefined) {
    parts.push(at instanceof Error ? at.message || at.name : String(at));
  }
  return parts.join(': ').replaceAll(/[\r\n\0]+/g, ' ');
}
